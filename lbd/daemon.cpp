// SPDX-License-Identifier: Apache-2.0
#include "lbd/daemon.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ranges>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/log.hpp"
#include "lbd/attach/try_out.hpp"
#include "lbd/cure.hpp"
#include "lbd/datapath/flow_table.hpp"
#include "lbd/datapath/inherit.hpp"
#include "lbd/health/answer_tap.hpp"
#include "lbd/metrics/metrics.hpp"
#include "lbd/next_hop/log.hpp"
#include "lbd/next_hop/own.hpp"
#include "lbd/next_hop/report.hpp"
#include "lbd/plan/found_health.hpp"
#include "lbd/plan/owners.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;
using namespace std::chrono_literals;

constexpr auto time_to_resolve = 1s;  // before the first packet
constexpr auto time_to_resolve_more = 250ms;
constexpr auto time_to_gather = 50ms;  // changes of the network that belong together
constexpr auto sweep_interval = 250ms;
constexpr auto look_interval =
    1s;  // at what the kernel tells nobody: a program that is taken off, a driver that can less
constexpr auto rebuilt_again_after = 10s;
constexpr std::size_t sweeps_per_round = 16;

bool is_reachable(const Hops::value_type& hop) { return hop.second.has_value(); }

std::string summary(const Config& config, const Hops& hops) {
    return fmt::format("{} services, {} of {} backends reachable", config.services.size(),
                       std::ranges::count_if(hops, is_reachable), hops.size());
}

/// Who asks by a command is told of a name that no interface has, but for those that are waited for anyway.
Result<> expect_interfaces(const Resolver& resolver, const std::vector<std::string>& waited_for) {
    for (const std::string& name : resolver.missing())
        if (std::ranges::find(waited_for, name) == waited_for.end())
            return netlink::failure("balance on", name, ENODEV, {}, std::string(cure_of("interface_missing")));
    return {};
}

/// For empty maps.
Result<Build> first_build(const Config& config, Resolver& resolver) {
    TRY(const Image image, plan(config.services, {}, {}, {}));
    TRY(const Surroundings around, resolver.surroundings());
    return build_for(config, around, limits_for(image));
}

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::prepare(SharedReading reading, std::string path) {
    const Config& config = reading->config;
    TRY(auto loop, EventLoop::open());
    TRY(auto resolver, Resolver::open(config.interfaces));
    TRY(auto pins, Pins::open());
    TRY(auto former, pins.present());
    // What is there is first taken over as it is.
    TRY(const Build build, former ? read_build(*former) : first_build(config, resolver));
    TRY(auto datapath, Datapath::load(build, former));
    Image image;
    if (former) {
        TRY(image, datapath.read_image());
    }
    return std::unique_ptr<Daemon>(new Daemon(std::move(reading), std::move(path), std::move(loop), std::move(resolver),
                                              std::move(pins), std::move(former), std::move(datapath),
                                              std::move(image)));
}

Result<> Daemon::try_out(const Config& config) {
    TRY(auto resolver, Resolver::open(config.interfaces));
    CHECK_OK(expect_interfaces(resolver, {}));
    CHECK_OK(check_tags(expected_programs({}, resolver.network().ports, config.xdp), resolver.network().links));
    TRY(const Build build, first_build(config, resolver));
    TRY(const auto datapath, Datapath::load(build, {}));
    CHECK_OK(lbd::try_out(datapath, resolver.network().ports, config.xdp));
    for (const Services::Shared& service : config.services.shared()) resolver.follow(service);
    resolver.warn();
    log_narrow(narrow_paths(config.services, resolver.ways_out()));
    return {};
}

Daemon::Daemon(SharedReading reading, std::string path, EventLoop loop, Resolver resolver, Pins pins,
               std::optional<Generation> former, Datapath datapath, Image image)
    : written_(std::move(reading)),
      config_(written_->config),
      path_(std::move(path)),
      loop_(std::move(loop)),
      resolver_(std::move(resolver)),
      pins_(std::move(pins)),
      generation_(std::move(former)),
      datapath_(std::move(datapath)),
      image_(std::move(image)) {}

Result<> Daemon::run(const std::string& socket) {
    drains_file_ = drains_file(socket);
    TRY(auto drains, read_drains(drains_file_));
    drains_ = known(std::move(drains), written_->config);
    config_ = with_drains(written_->config, drains_);
    TRY(offloads_, Offloads::open(offloads_file(socket)));
    CHECK_OK(listen(socket));
    serve_metrics();
    loop_.feed_watchdog();
    const bool is_first = !generation_;
    auto begun = begin();
    if (begun) begun = remove_answer_taps();
    if (begun) begun = start_checks();
    if (!begun) {
        if (is_first) (void)pins_.remove();
        if (is_first) (void)offloads_->restore();
        return begun;
    }
    auto ran = loop_.run();
    ::sd_notify(0, "STOPPING=1");
    if (detach_) {
        CHECK_OK(pins_.remove());
        CHECK_OK(offloads_->restore());
        CHECK_OK(write_drains(drains_file_, {}));
        resolver_.release();
    } else {
        spdlog::info("stopped; packets are still balanced, until lbd runs again or lbd stop --detach");
    }
    return ran ? outcome_ : ran;
}

Result<> Daemon::listen(const std::string& socket) {
    for (const int signal : {SIGTERM, SIGINT}) {
        TRY(auto source, loop_.on_signal(signal, [this] { end({}); }));
        signals_.push_back(std::move(source));
    }
    TRY(auto source, loop_.on_signal(SIGHUP, [this] { (void)answer(ReloadRequest{}); }));
    signals_.push_back(std::move(source));
    CHECK_OK(follow_network());
    TRY(next_update_, loop_.timer([this] { update(); }));
    TRY(next_sweep_, loop_.timer([this] { expire_some_flows(); }));
    TRY(next_look_, loop_.timer([this] { look_at_interfaces(); }));
    TRY(control_, Control::listen(loop_, socket, [this](const auto& request) { return answer(request); }));
    return {};
}

Result<> Daemon::follow_network() {
    network_ = {};  // a descriptor is waited for once
    TRY(network_, loop_.on_io(resolver_.fd(), EPOLLIN, [this](std::uint32_t) { take_in_changes(); }));
    return {};
}

void Daemon::serve_metrics() {
    metrics_.reset();
    if (!config_.metrics) return;
    auto server = MetricsServer::listen(loop_, *config_.metrics, [this](Detail detail) -> Result<Exposition> {
        TRY(Status status, observed(parts_of_metrics));
        return Exposition(std::move(status), detail);
    });
    if (server)
        metrics_ = *std::move(server);
    else
        spdlog::warn(server.error().message() + "; there are no metrics");
}

Result<Status> Daemon::observed(const Parts& parts) const {
    TRY(Status status, observe(config_, image_, hops_, attachments_, resolver_, datapath_,
                               parts.services ? checks() : CheckStatuses{}, parts));
    status.reloads = reloads_;
    return status;
}

void Daemon::end(Result<> outcome) {
    outcome_ = std::move(outcome);
    loop_.stop();
}

Result<> Daemon::begin() {
    follow(config_.services);
    CHECK_OK(resolve(time_to_resolve));
    CHECK_OK(put_in_place());
    CHECK_OK(attach());
    count_losses();
    CHECK_OK(forget_unused_ids());
    found_ = found_health(config_.services, image_);
    CHECK_OK(take_up(config_));
    idle_times_ = idle_times(config_, image_.ids, datapath_.flow_clock());
    next_sweep_.arm(sweep_interval);
    next_look_.arm(look_interval);
    report({});
    resolver_.warn();
    spdlog::info("balancing: " + summary(config_, hops_));
    ::sd_notify(0, "READY=1");
    return {};
}

void Daemon::tell_own(Datapath& datapath) {
    const bool all = datapath.set_own(own(resolver_.network()));
    if (!all && !std::exchange(takes_any_mac_, true))
        spdlog::warn("there are more MAC addresses than are compared: every unicast frame is taken for this host's");
    const Network& network = resolver_.network();
    datapath.set_unfinished(
        unfinished(expected_programs(attachments_.list(), network.ports, config_.xdp), network.links));
}

void Daemon::follow_offloads() {
    const auto followed = offloads_->follow(attachments_.list(), resolver_.network().links);
    const std::string text = followed ? "" : followed.error().message();
    if (std::exchange(offload_complaint_, text) != text && !followed) spdlog::error(text);
    tell_own(datapath_);
}

Result<> Daemon::put_in_place() {
    tell_own(datapath_);
    TRY(Generation next, pins_.make_next());
    CHECK_OK(datapath_.pin(next));
    CHECK_OK(datapath_.leave_former());
    generation_ = std::move(next);
    return {};
}

Result<> Daemon::attach() {
    const Network& network = resolver_.network();
    CHECK_OK(check_tags(expected_programs({}, network.ports, config_.xdp), network.links));
    tell_own(datapath_);
    TRY(const auto prepared, attachments_.prepare(network.ports, config_.xdp));
    offloads_->look(attachments_.list(), network.ports, network.links);
    CHECK_OK(attachments_.commit(datapath_, prepared));
    CHECK_OK(offloads_->follow(attachments_.list(), network.links));
    tell_own(datapath_);
    for (const std::string& name : resolver_.missing())
        spdlog::warn("interface " + name + " is not there: waiting for it");
    pins_.keep_only(*generation_);
    return {};
}

void Daemon::count_losses() {
    auto losses = Losses::count(pins_, datapath_.reason_counts());
    if (!losses) return spdlog::warn(losses.error().message());
    losses_ = *std::move(losses);
    watch_losses();
}

void Daemon::watch_losses() {
    if (!losses_) return;
    std::set<std::uint32_t> interfaces;
    for (const Attachment& one : attachments_.list()) interfaces.insert(one.ifindex);
    for (const auto& [index, member] : resolver_.network().members) interfaces.insert(index);
    losses_->watch(interfaces);
}

void Daemon::follow_interfaces() {
    tell_own(datapath_);
    offloads_->look(attachments_.list(), resolver_.network().ports, resolver_.network().links);
    const auto changed = attachments_.follow(datapath_, resolver_.network().ports, config_.xdp);
    follow_offloads();
    if (!changed) return complain(changed.error());
    watch_losses();
    if (!*changed || !checker_) return;
    if (const auto renewed = checker_->renew(datapath_.dests(), ports_to_probe()); !renewed) complain(renewed.error());
}

void Daemon::look_at_interfaces() {
    next_look_.arm(look_interval);
    follow_interfaces();
    if (refused_ && std::chrono::steady_clock::now() - refused_->at > rebuilt_again_after) next_update_.arm(0ms);
}

void Daemon::complain(const netlink::Error& error) {
    const std::string text = error.message();
    if (std::exchange(complaint_, text) != text) spdlog::error(text);
}

Result<> Daemon::resolve(std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        hops_ = resolver_.update();
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left <= 0ms || std::ranges::all_of(hops_, is_reachable)) return {};
        pollfd changes{.fd = resolver_.fd(), .events = POLLIN, .revents = 0};
        ::poll(&changes, 1, static_cast<int>(left.count()));
        TRY(const bool changed, resolver_.read());
        if (changed) next_update_.arm(time_to_gather);
    }
}

Result<> Daemon::start_checks() {
    if (checker_) next_update_.arm(time_to_gather);  // what is not checked any more counts as up
    if (!config_.services.have(Trait::health)) {
        checker_.reset();
        return {};
    }
    if (checker_) {
        CHECK_OK(checker_->renew(datapath_.dests(), ports_to_probe()));
    } else {
        TRY(auto path, ProbePath::open(datapath_.dests(), ports_to_probe()));
        TRY(checker_, HealthChecker::open(loop_, std::move(path), [this] { next_update_.arm(time_to_gather); }));
    }
    next_update_.arm(time_to_gather);
    checker_->set_hops(hops_);
    TRY(const Surroundings around, resolver_.surroundings());
    follow_checks(around);
    return {};
}

std::vector<ProbePath::Port> Daemon::ports_to_probe() const {
    std::vector<ProbePath::Port> ports;
    for (const Attachment& one : attachments_.list()) ports.push_back({.ifindex = one.ifindex, .name = one.name});
    return ports;
}

void Daemon::follow_checks(const Surroundings& around) {
    if (!checker_) return;
    checker_->follow(config_.services, image_.ids, {.ipv4 = around.own4, .ipv6 = around.own6}, found_);
    found_.clear();
}

void Daemon::take_in_changes() {
    const auto changed = resolver_.read();
    if (!changed) return end(tl::unexpected(changed.error()));
    if (*changed) next_update_.arm(time_to_gather);
}

Result<> Daemon::adapt_program() {
    TRY(const Surroundings around, resolver_.surroundings());
    const Build& present = datapath_.build();
    Build wanted = keyed(build_for(config_, around, present.limits), present);
    wanted.config.vlan |= present.config.vlan;  // destinations may have tags until the maps are changed
    follow_checks(around);
    if (refused_ && refused_->build == wanted && refused_->ports == resolver_.network().ports &&
        std::chrono::steady_clock::now() - refused_->at <= rebuilt_again_after)
        return {};
    auto rebuilt = rebuild(wanted);
    if (rebuilt) {
        if (refused_) spdlog::info("the program is compiled to what is around the balancer now");
        refused_.reset();
        complaint_.clear();
        return {};
    }
    refused_ = {.build = wanted, .ports = resolver_.network().ports, .at = std::chrono::steady_clock::now()};
    rebuilt.error().operation = "compile the program anew; the former one goes on: " + rebuilt.error().operation;
    return rebuilt;
}

/// What the program that is at work can't send is not reached.
Hops Daemon::reachable(Hops hops) const {
    if (datapath_.build().config.vlan != 0) return hops;
    for (auto& [backend, hop] : hops)
        if (hop && !hop->tags.empty()) hop = tl::unexpected(LB_DROP_NO_INTERFACE);
    return hops;
}

void Daemon::update() {
    follow_interfaces();
    if (const auto adapted = adapt_program(); !adapted) complain(adapted.error());
    const Hops before = std::exchange(hops_, reachable(resolver_.update()));
    if (checker_) checker_->set_hops(hops_);
    Health now = health();
    if (planned_->hops == hops_ && planned_->health == now) return;
    auto patch = patch_for(config_.services, datapath_.build().limits, now);
    if (!patch) return end(tl::unexpected(std::move(patch.error())));
    if (auto realized = realize(*std::move(patch), config_.services, std::move(now)); !realized)
        return end(std::move(realized));
    report(before);
}

Result<> Daemon::forget_unused_ids() {
    std::vector<FlowCount> flows(datapath_.build().limits.dests);
    count_flows(datapath_.flows(), 0, 0, flows);  // whichever of them are live
    Image image = image_;
    image.ids = forget_unused(std::move(image.ids), config_.services,
                              [&](std::uint32_t id) { return id < flows.size() && flows[id] != FlowCount{}; });
    CHECK_OK(datapath_.apply(diff(image_, image)));
    image_ = std::move(image);
    return {};
}

Result<> Daemon::take_up(const Config& config) {
    TRY(const Surroundings around, resolver_.surroundings());
    Limits limits = datapath_.build().limits;
    Health now = health_for(config.services);
    auto patch = patch_for(config.services, limits, now);
    if (!patch && patch.error().code == ENOSPC) {
        TRY(limits, grown(config.services, image_, limits));
        patch = patch_for(config.services, limits, now);
    }
    if (!patch) return tl::unexpected(std::move(patch.error()));
    const Build wanted = build_for(config, around, limits);
    CHECK_OK(rebuild(united(wanted, datapath_.build())));
    if (auto realized = realize(*std::move(patch), config.services, std::move(now)); !realized) {
        end(realized);  // in the middle: the next lbd finishes it
        return realized;
    }
    return rebuild(keyed(wanted, datapath_.build()));
}

Result<> Daemon::rebuild(const Build& build) {
    if (build == datapath_.build()) return {};
    TRY(auto next, Datapath::load(build, generation_));
    tell_own(next);
    TRY(auto generation, pins_.make_next());
    auto done = next.pin(generation);
    offloads_->look({}, resolver_.network().ports, resolver_.network().links);
    if (done) done = attachments_.exchange(next, datapath_, resolver_.network().ports, config_.xdp);
    if (!done) {
        Pins::remove(generation);
        return done;
    }
    datapath_ = std::move(next);
    generation_ = std::move(generation);
    CHECK_OK(datapath_.leave_former());
    pins_.keep_only(*generation_);
    follow_offloads();  // the mode may be another
    if (checker_) CHECK_OK(checker_->renew(datapath_.dests(), ports_to_probe()));
    return {};
}

Result<Patch> Daemon::patch_for(const Services& services, const Limits& limits, const Health& now) const {
    if (!planned_) {
        TRY(Image image, plan(services, hops_, image_, limits, now));
        return Patch{.was = image_, .becomes = std::move(image)};
    }
    const Change change = difference({planned_->services, planned_->hops, planned_->health}, {services, hops_, now});
    return replan(change, hops_, image_, limits, now);
}

Result<> Daemon::realize(Patch patch, const Services& services, Health now) {
    CHECK_OK(datapath_.apply(diff(image_, patch)));
    apply(std::move(patch), image_);
    planned_ = {.services = services, .hops = hops_, .health = std::move(now)};
    return {};
}

void Daemon::follow(const Services& services) {
    resolver_.set_flow_key(FlowKey(datapath_.build().config));
    for (const Services::Shared& service : services.shared()) resolver_.follow(service);
}

void Daemon::forget(const Services& services) {
    for (const Services::Shared& service : services.shared()) resolver_.forget(service);
}

Result<> Daemon::change_to(Config config) {
    const bool moves = config.interfaces != config_.interfaces;
    const Change change = difference({config_.services, {}, {}}, {config.services, {}, {}});
    const Hops before = hops_;
    std::optional<Resolver> former;
    if (moves) {
        TRY(auto resolver, Resolver::open(config.interfaces));
        CHECK_OK(expect_interfaces(resolver, config_.interfaces));
        former = std::exchange(resolver_, std::move(resolver));
        follow(config.services);
    } else {
        follow(change.come);
        forget(change.gone);
    }
    const auto is_new = [this](const Backend& backend) { return !hops_.contains(backend.address); };
    const bool asks = moves || std::ranges::any_of(change.come, [&](const Service& service) {
                          return std::ranges::any_of(service.backends, is_new);
                      });
    auto taken = resolve(asks ? time_to_resolve_more : 0ms);
    if (taken) taken = take_up(config);
    if (!taken) {
        if (former) {
            resolver_ = *std::move(former);
        } else {
            follow(change.gone);
            forget(change.come);
        }
        hops_ = resolver_.update();
        return taken;
    }
    if (config.flows == config_.flows)
        set_idle_times(idle_times_, change.come, image_.ids, datapath_.flow_clock());
    else
        idle_times_ = idle_times(config, image_.ids, datapath_.flow_clock());
    const bool attaches = moves || config.xdp != config_.xdp;
    const bool serves_elsewhere = config.metrics != config_.metrics;
    config_ = std::move(config);
    if (serves_elsewhere) serve_metrics();
    if (moves) CHECK_OK(follow_network());
    if (attaches) CHECK_OK(attach());
    CHECK_OK(start_checks());
    report(before);
    return {};
}

Result<> Daemon::adopt(SharedReading written, Drains drains) {
    drains = known(std::move(drains), written->config);
    if (drains != drains_) CHECK_OK(write_drains(drains_file_, drains));
    if (auto changed = change_to(with_drains(written->config, drains)); !changed) {
        if (drains != drains_) (void)write_drains(drains_file_, drains_);
        return changed;
    }
    written_ = std::move(written);
    drains_ = std::move(drains);
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
    const auto why = [this](const IpAddress& backend) { return resolver_.why_unresolved(backend); };
    const auto changes = way_changes(before, hops_, why);
    for (const WayChange& change : changes) log_way(change, resolver_.network());
    if (!changes.empty()) ::sd_notifyf(0, "STATUS=%s", summary(config_, hops_).c_str());
    if (before != hops_) log_narrow(narrow_paths(config_.services, hops_));
}

}  // namespace culvert::lbd
