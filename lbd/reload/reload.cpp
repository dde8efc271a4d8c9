// SPDX-License-Identifier: Apache-2.0
#include "lbd/reload/reload.hpp"

#include <spdlog/spdlog.h>
#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/log.hpp"
#include "lbd/model/log_events.hpp"
#include "lbd/network/own.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;
using namespace std::chrono_literals;

constexpr auto time_to_resolve = 250ms;

Own both(Own own, const Own& other) {
    own.macs.insert(other.macs.begin(), other.macs.end());
    own.vlans.insert(other.vlans.begin(), other.vlans.end());
    return own;
}

/// What is done all the same, but for this.
void complain(const Result<>& done) {
    if (!done)
        common::log_limited(spdlog::level::warn, {{"EVENT", log_event("reload_untidy")}}, done.error().message());
}

Config shared_with(Config config, const Config& known) {
    config.services = lbd::shared_with(std::move(config.services), known.services);
    return config;
}

}  // namespace

Reload::Reload(Balancer& balancer, Config written, Drains drains)
    : balancer_(balancer),
      written_(shared_with(std::move(written), balancer.written)),
      drains_(known(std::move(drains), written_)),
      config_(with_drains(written_, drains_)),
      change_(difference({balancer.config.services, {}, {}}, {config_.services, {}, {}})),
      moves_(config_.interfaces != balancer.config.interfaces) {}

Result<> Reload::run() {
    if (auto done = lbd::run({ways(), file(), metrics(), program(), interfaces(), checks(), maps()}); !done) {
        give_up();
        return done;
    }
    take_over();
    tidy_up();
    return {};
}

Step Reload::ways() {
    return {.prepare = [this] { return find_ways(); }, .commit = {}, .undo = {}};
}

Result<> Reload::find_ways() {
    if (moves_) {
        TRY(resolver_, Resolver::open(config_.interfaces));
        CHECK_OK(expect_interfaces(*resolver_, balancer_.config.interfaces));
        TRY(network_, balancer_.loop.on_io(resolver_->fd(), EPOLLIN,
                                           [&calls = balancer_.calls](std::uint32_t) { calls.read_network(); }));
        resolver_->set_flow_key(FlowKey(balancer_.program.datapath().build().config));
        follow(*resolver_, config_.services);
    } else {
        follow(balancer_.resolver, change_.come);
        follows_ = true;
    }
    const auto is_new = [this](const Backend& backend) { return !balancer_.hops.contains(backend.address); };
    const bool asks = moves_ || std::ranges::any_of(change_.come, [&](const Service& service) {
                          return std::ranges::any_of(service.backends, is_new);
                      });
    if (asks) balancer_.calls.changed();  // what is told meanwhile may be of others
    TRY(hops_, resolve(resolver(), asks ? time_to_resolve : 0ms));
    TRY(around_, resolver().surroundings());
    return {};
}

/// First of all, as a kill in between leaves a file that the next lbd goes by.
Step Reload::file() {
    if (drains_ == balancer_.drains) return {};
    return {.prepare = [this]() -> Result<> {
                TRY(auto file, prepare_drains(balancer_.drains_file, drains_));
                file_.emplace(std::move(file));
                return {};
            },
            .commit = [this] { return file_->commit(); },
            .undo = [this] { return file_->undo(); }};
}

Step Reload::metrics() {
    return {.prepare = [this] { return listen_for_metrics(); }, .commit = {}, .undo = {}};
}

Result<> Reload::listen_for_metrics() {
    const bool is_other = config_.metrics != balancer_.config.metrics;
    if (!config_.metrics || (!is_other && balancer_.metrics)) return {};
    auto server =
        MetricsServer::listen(balancer_.loop, *config_.metrics, balancer_.calls.metrics, balancer_.metrics.get());
    if (server)
        metrics_ = *std::move(server);
    else if (is_other)
        return tl::unexpected(std::move(server.error()));
    return {};  // those that are not served where they were to be are no worse off
}

Step Reload::program() {
    Program& program = balancer_.program;
    const auto undo = [this, &program] {
        balancer_.tell_program();
        return program.restore();
    };
    return {.prepare = [this]() -> Result<> {
                Planned wanted{
                    .services = config_.services, .hops = hops_, .health = balancer_.health_for(config_.services)};
                TRY(candidate_, balancer_.reconciler.prepare(config_, around_, std::move(wanted)));
                return {};
            },
            .commit = [this, &program, undo]() -> Result<> {
                const Network& network = resolver().network();
                const Ports ports = all_ports();
                const auto programs = expected_programs(program.attachments().list(), ports, config_.xdp);
                program.tell(both(own(balancer_.resolver.network()), own(network)),
                             unfinished(programs, network.links));
                if (attachments_ || candidate_->program) balancer_.offloads->look({}, ports, network.links);
                auto placed = balancer_.reconciler.place(*candidate_, present_ports(), balancer_.config.xdp);
                if (!placed) (void)undo();
                return placed;
            },
            .undo = undo};
}

/// On others only when the program knows what is theirs.
Step Reload::interfaces() {
    if (!moves_ && config_.xdp == balancer_.config.xdp) return {};
    Attachments& attachments = balancer_.program.attachments();
    const auto undo = [this, &attachments]() -> Result<> {
        TRY(const auto former, attachments.prepare(present_ports(), balancer_.config.xdp));
        CHECK_OK(attachments.commit(balancer_.program.datapath(), former));
        return balancer_.offloads->follow(attachments.list(), balancer_.resolver.network().links);
    };
    return {.prepare = [this, &attachments]() -> Result<> {
                const Network& network = resolver().network();
                CHECK_OK(check_tags(network.ports, config_.xdp, network.links));
                TRY(attachments_, attachments.prepare(all_ports(), config_.xdp));
                return {};
            },
            .commit = [this, &attachments, undo]() -> Result<> {
                CHECK_OK(attachments.commit(balancer_.program.datapath(), *attachments_));
                auto done = balancer_.offloads->follow(attachments.list(), resolver().network().links);
                if (!done) (void)undo();
                return done;
            },
            .undo = undo};
}

Ports Reload::present_ports() const {
    Ports ports;
    for (const Attachment& one : balancer_.program.attachments().list())
        if (const auto port = balancer_.resolver.network().ports.find(one.ifindex);
            port != balancer_.resolver.network().ports.end())
            ports.insert(*port);
    return ports;
}

Ports Reload::all_ports() {
    Ports ports = resolver().network().ports;
    ports.merge(present_ports());
    return ports;
}

Step Reload::checks() {
    return {.prepare = [this] { return prepare_checks(); }, .commit = {}, .undo = {}};
}

Result<> Reload::prepare_checks() {
    if (!config_.services.have(Trait::health)) return {};
    const Datapath& present = balancer_.program.datapath();
    const Datapath& next = candidate_->program ? *candidate_->program : present;
    if (balancer_.checker) {
        if (!moves_ && next.build().limits.dests == present.build().limits.dests) return {};
        TRY(probes_, balancer_.checker->prepare(next.dests()));
        return {};
    }
    std::vector<ProbePath::Port> ports;
    for (const auto& [index, link] : resolver().network().ports) ports.push_back({.ifindex = index, .name = link.name});
    TRY(auto path, ProbePath::open(next.dests(), ports));
    TRY(checker_, HealthChecker::open(balancer_.loop, std::move(path), balancer_.calls.changed));
    return {};
}

Step Reload::maps() {
    return {.prepare = {}, .commit = [this] { return balancer_.reconciler.edit(*candidate_); }, .undo = {}};
}

void Reload::give_up() {
    if (resolver_) resolver_->release_all_but(balancer_.resolver);
    if (follows_) forget(balancer_.resolver, change_.come);
    balancer_.calls.changed();
}

void Reload::take_over() {
    const auto& ids = balancer_.image().ids;
    const FlowClock& clock = balancer_.program.datapath().flow_clock();
    if (config_.flows == balancer_.config.flows)
        set_idle_times(balancer_.idle_times, change_.come, ids, clock);
    else
        balancer_.idle_times = idle_times(config_, ids, clock);
    balancer_.program.keep();
    if (metrics_ || config_.metrics != balancer_.config.metrics) balancer_.metrics = std::move(metrics_);
    balancer_.config = std::move(config_);
    balancer_.written = std::move(written_);
    balancer_.drains = std::move(drains_);
    balancer_.around = around_;
    take_over_ways();
}

void Reload::take_over_ways() {
    if (resolver_) {
        balancer_.resolver.release_all_but(*resolver_);
        balancer_.network = std::move(network_);  // before its descriptor is closed
        balancer_.resolver = *std::move(resolver_);
    } else {
        forget(balancer_.resolver, change_.gone);
        for (const Service& service : change_.gone)
            for (const Backend& backend : service.backends)
                if (!balancer_.resolver.follows(backend.address)) hops_.erase(backend.address);
    }
    std::swap(balancer_.hops, hops_);
}

/// Of interfaces that are not named any more, and of the program for what was before.
void Reload::tidy_up() {
    Program& program = balancer_.program;
    const bool is_other_program = candidate_->program.has_value();
    if (attachments_) {
        const auto named = program.attachments().prepare(balancer_.resolver.network().ports, balancer_.config.xdp);
        complain(named ? program.attachments().commit(program.datapath(), *named) : tl::unexpected(named.error()));
        balancer_.watch_losses();
        balancer_.report_missing();
    }
    take_over_checks();
    complain(balancer_.reconciler.narrow(candidate_->build, balancer_.resolver.network().ports, balancer_.config.xdp));
    if (attachments_ || is_other_program) complain(balancer_.follow_offloads());  // the mode may be another
    balancer_.report(hops_);
}

void Reload::take_over_checks() {
    if (!checker_ && !balancer_.checker) return;
    balancer_.calls.changed();  // what is not checked any more counts as up
    if (!balancer_.config.services.have(Trait::health)) return balancer_.checker.reset();
    if (checker_) balancer_.checker = std::move(checker_);
    if (probes_) balancer_.checker->take(std::move(probes_), balancer_.ports_to_probe());
    balancer_.checker->set_hops(balancer_.hops);
    balancer_.follow_checks();
}

}  // namespace culvert::lbd
