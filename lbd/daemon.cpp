// SPDX-License-Identifier: Apache-2.0
#include "lbd/daemon.hpp"

#include <fmt/core.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ranges>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "lbd/metrics/metrics.hpp"
#include "lbd/reasons.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;
using namespace std::chrono_literals;

constexpr auto time_to_resolve = 1s;   // before the first packet
constexpr auto time_to_gather = 50ms;  // changes of the network that belong together
constexpr auto sweep_interval = 250ms;
constexpr std::size_t sweeps_per_round = 16;

std::set<IpAddress> addresses(const std::vector<Service>& services) {
    std::set<IpAddress> all;
    for (const Service& service : services)
        for (const Backend& backend : service.backends) all.insert(backend.address);
    return all;
}

bool is_reachable(const Hops::value_type& hop) { return hop.second.has_value(); }

std::string summary(const Config& config, const Hops& hops) {
    return fmt::format("{} services, {} of {} backends reachable", config.services.size(),
                       std::ranges::count_if(hops, is_reachable), hops.size());
}

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::prepare(Config config) {
    TRY(auto loop, EventLoop::open());
    TRY(auto resolver, Resolver::open(config.interfaces));
    TRY(const Image image, plan(config.services, {}, {}, {}));
    const Limits limits = limits_for(image);
    TRY(const Surroundings around, resolver.surroundings());
    TRY(auto datapath, Datapath::load(config, around, limits));
    return std::unique_ptr<Daemon>(
        new Daemon(std::move(config), std::move(loop), std::move(resolver), around, std::move(datapath), limits));
}

Daemon::Daemon(Config config, EventLoop loop, Resolver resolver, Surroundings around, Datapath datapath, Limits limits)
    : config_(std::move(config)),
      loop_(std::move(loop)),
      resolver_(std::move(resolver)),
      around_(around),
      datapath_(std::move(datapath)),
      limits_(limits) {}

Result<> Daemon::run(const std::string& socket) {
    CHECK_OK(listen(socket));
    serve_metrics();
    resolver_.follow(addresses(config_.services));
    hops_ = resolver_.update();
    CHECK_OK(realize());
    last_moment_.arm(std::ranges::all_of(hops_, is_reachable) ? 0ms : time_to_resolve);
    next_sweep_.arm(sweep_interval);
    auto ran = loop_.run();
    ::sd_notify(0, "STOPPING=1");
    datapath_.detach();
    resolver_.release();
    return ran ? outcome_ : ran;
}

Result<> Daemon::listen(const std::string& socket) {
    for (const int signal : {SIGTERM, SIGINT}) {
        TRY(auto source, loop_.on_signal(signal, [this] { end({}); }));
        sources_.push_back(std::move(source));
    }
    TRY(auto network, loop_.on_io(resolver_.fd(), EPOLLIN, [this](std::uint32_t) { take_in_changes(); }));
    sources_.push_back(std::move(network));
    TRY(last_moment_, loop_.timer([this] { begin_to_balance(); }));
    TRY(next_update_, loop_.timer([this] { update(); }));
    TRY(next_sweep_, loop_.timer([this] { expire_some_flows(); }));
    TRY(control_, Control::listen(loop_, socket, [this](const auto& request) { return answer(request); }));
    return {};
}

void Daemon::serve_metrics() {
    if (!config_.metrics) return;
    auto server = MetricsServer::listen(loop_, *config_.metrics, [this]() -> Result<std::string> {
        TRY(const Status status, observe(config_, image_, hops_, attachments_, resolver_, datapath_));
        return exposition(metrics(status));
    });
    if (server)
        metrics_ = *std::move(server);
    else
        spdlog::warn("{}; there are no metrics", server.error().message());
}

void Daemon::end(Result<> outcome) {
    outcome_ = std::move(outcome);
    loop_.stop();
}

void Daemon::begin_to_balance() {
    if (!attachments_.empty()) return;
    if (auto attached = attach(); !attached) return end(std::move(attached));
    report({});
    spdlog::info("balancing: {}", summary(config_, hops_));
    ::sd_notify(0, "READY=1");
}

Result<> Daemon::attach() {
    for (const auto& [index, link] : resolver_.network().ports) {
        TRY(const XdpMode mode, attach_to(link));
        attachments_.push_back({.ifindex = index, .name = link.name, .mode = mode});
    }
    return {};
}

Result<XdpMode> Daemon::attach_to(const netlink::Link& link) {
    if (config_.xdp != XdpMode::generic) {
        const auto native = datapath_.attach(link.index, link.name, XdpMode::native);
        if (native) return XdpMode::native;
        if (config_.xdp == XdpMode::native || Datapath::is_taken(native.error().code))
            return tl::unexpected(native.error());
        spdlog::warn("{}; generic XDP is used, which is slower", native.error().message());
    }
    CHECK_OK(datapath_.attach(link.index, link.name, XdpMode::generic));
    return XdpMode::generic;
}

void Daemon::take_in_changes() {
    const auto changed = resolver_.read();
    if (!changed) return end(tl::unexpected(changed.error()));
    if (*changed) next_update_.arm(time_to_gather);
}

Result<> Daemon::adapt_program() {
    TRY(Surroundings around, resolver_.surroundings());
    around.vlans |= around_.vlans;  // destinations may have tags until the maps are changed
    if (around == around_) return {};
    CHECK_OK(datapath_.recompile(config_, around));
    around_ = around;
    return {};
}

void Daemon::update() {
    if (auto adapted = adapt_program(); !adapted) return end(std::move(adapted));
    const Hops before = std::exchange(hops_, resolver_.update());
    if (before == hops_) return;
    if (auto realized = realize(); !realized) return end(std::move(realized));
    if (!attachments_.empty())
        report(before);
    else if (std::ranges::all_of(hops_, is_reachable))
        begin_to_balance();
}

Result<> Daemon::realize() {
    TRY(Image image, plan(config_.services, hops_, image_, limits_));
    CHECK_OK(datapath_.apply(diff(image_, image)));
    image_ = std::move(image);
    idle_times_ = idle_times(config_, image_.ids, datapath_.flow_clock());
    return {};
}

void Daemon::expire_some_flows() {
    next_sweep_.arm(sweep_interval);
    const auto now = datapath_.flow_time();
    if (!now) return end(tl::unexpected(now.error()));
    const auto table = datapath_.flows();
    const std::size_t share = std::min(table.size() - swept_, table.size() / sweeps_per_round + 1);
    expire_flows(table.subspan(swept_, share), idle_times_, *now);
    swept_ = (swept_ + share) % table.size();
}

/// What has changed about the way to the backends.
void Daemon::report(const Hops& before) const {
    bool changed = false;
    for (const auto& [backend, hop] : hops_) {
        const auto old = before.find(backend);
        if (old != before.end() && old->second == hop) continue;
        changed = true;
        if (hop)
            spdlog::info("backend {}: reachable by {} at {}", backend.to_string(),
                         resolver_.network().ports.at(hop->ifindex).name, hop->destination.to_string());
        else
            spdlog::warn("backend {}: not reachable: {}", backend.to_string(), reasons[hop.error()].text);
    }
    if (changed) ::sd_notifyf(0, "STATUS=%s", summary(config_, hops_).c_str());
}

}  // namespace culvert::lbd
