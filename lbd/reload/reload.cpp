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

/// For work after the commit: a failure is logged and does not stop the rest.
void complain(const Result<>& done) {
    if (!done)
        common::log_limited(spdlog::level::warn, {{"EVENT", log_event("reload_untidy")}}, done.error().message());
}

Config shared_with(Config config, const Config& known) {
    config.services = lbd::shared_with(std::move(config.services), known.services);
    return config;
}

Wanted next_wanted(const Wanted& present, Config written, const Drains& drains, DrainHeirs& heirs) {
    Wanted next{.written = shared_with(std::move(written), present.written),
                .drains = {},
                .drains_file = present.drains_file,
                .config = {}};
    heirs = heirs_of(drains, present.written, next.written);
    next.drains = all_heirs(heirs);
    next.config = with_drains(next.written, next.drains);
    return next;
}

}  // namespace

Reload::Reload(Balancer& balancer, Config written, const Drains& drains)
    : balancer_(balancer),
      next_(next_wanted(balancer.wanted, std::move(written), drains, heirs_)),
      change_(difference({balancer.wanted.config.services, {}, {}}, {next_.config.services, {}, {}})),
      moves_(next_.config.interfaces != balancer.wanted.config.interfaces) {}

std::vector<Step> Reload::steps() {
    return {ways(), file(), metrics(), program(), interfaces(), checks(), peers(), maps()};
}

Result<> Reload::run() {
    if (auto done = lbd::run(steps()); !done) {
        give_up();
        return done;
    }
    take_over();
    tidy_up();
    return {};
}

Result<Reload::Intent> Reload::intent() {
    auto prepared = prepare(steps());
    give_up();
    if (!prepared) return tl::unexpected(std::move(prepared.error()));
    return Intent{
        .config = std::move(next_.config), .change = std::move(change_), .draft = std::move(candidate_->draft)};
}

Step Reload::ways() {
    return {.prepare = [this] { return find_ways(); }, .commit = {}, .undo = {}};
}

Result<> Reload::find_ways() {
    if (moves_) {
        TRY(ways_.resolver, Resolver::open(next_.config.interfaces));
        CHECK_OK(expect_interfaces(*ways_.resolver, balancer_.wanted.config.interfaces));
        TRY(ways_.events, balancer_.loop.on_io(ways_.resolver->fd(), EPOLLIN,
                                               [&calls = balancer_.calls](std::uint32_t) { calls.read_network(); }));
        ways_.resolver->set_flow_key(FlowKey(balancer_.program.datapath().build().config));
        follow(*ways_.resolver, next_.config.services);
    } else {
        follow(balancer_.reach.resolver, change_.come);
        ways_.follows = true;
    }
    const auto is_new = [this](const Backend& backend) { return !balancer_.reach.hops.contains(backend.address); };
    const bool asks = moves_ || std::ranges::any_of(change_.come, [&](const Service& service) {
                          return std::ranges::any_of(service.backends, is_new);
                      });
    if (asks) balancer_.calls.changed();  // the events read meanwhile may concern other backends
    TRY(ways_.hops, resolve(resolver(), asks ? time_to_resolve : 0ms, balancer_.slow));
    TRY(ways_.around, resolver().surroundings());
    return {};
}

/// The first commit. If lbd is killed after it, the next lbd uses the new file.
Step Reload::file() {
    if (next_.drains == balancer_.wanted.drains) return {};
    return {.prepare = [this]() -> Result<> {
                TRY(auto file, prepare_drains(balancer_.wanted.drains_file, next_.drains));
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
    const bool is_other = next_.config.metrics != balancer_.wanted.config.metrics;
    if (!next_.config.metrics || (!is_other && balancer_.metrics)) return {};
    auto server =
        MetricsServer::listen(balancer_.loop, *next_.config.metrics, balancer_.calls.metrics, balancer_.metrics.get());
    if (server)
        metrics_ = *std::move(server);
    else if (is_other)
        return tl::unexpected(std::move(server.error()));
    return {};  // metrics that were not served before are still not served
}

Step Reload::program() {
    Program& program = balancer_.program;
    const auto undo = [this, &program] {
        balancer_.tell_program();
        return program.restore();
    };
    return {.prepare = [this]() -> Result<> {
                Planned wanted{.services = next_.config.services,
                               .hops = ways_.hops,
                               .health = balancer_.checks.health_for(next_.config.services)};
                TRY(candidate_, balancer_.reconciler.prepare(next_.config, ways_.around, std::move(wanted)));
                return {};
            },
            .commit = [this, &program, undo]() -> Result<> {
                const Network& network = resolver().network();
                const Ports ports = all_ports();
                const auto programs = expected_programs(program.attachments().list(), ports, next_.config.xdp);
                program.tell(both(own(balancer_.reach.resolver.network()), own(network)),
                             unfinished(programs, network.links));
                if (attachments_ || candidate_->program) balancer_.offloads->look({}, ports, network.links);
                auto placed = balancer_.reconciler.place(*candidate_, present_ports(), balancer_.wanted.config.xdp);
                if (!placed) (void)undo();
                return placed;
            },
            .undo = undo};
}

/// Comes after the program knows which frames are for the new interfaces.
Step Reload::interfaces() {
    if (!moves_ && next_.config.xdp == balancer_.wanted.config.xdp) return {};
    Attachments& attachments = balancer_.program.attachments();
    const auto undo = [this, &attachments]() -> Result<> {
        TRY(const auto former, attachments.prepare(present_ports(), balancer_.wanted.config.xdp));
        CHECK_OK(attachments.commit(balancer_.program.datapath(), former));
        return balancer_.offloads->follow(attachments.list(), balancer_.reach.resolver.network().links);
    };
    return {.prepare = [this, &attachments]() -> Result<> {
                const Network& network = resolver().network();
                CHECK_OK(check_tags(network.ports, next_.config.xdp, network.links));
                TRY(attachments_, attachments.prepare(all_ports(), next_.config.xdp));
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
        if (const auto port = balancer_.reach.resolver.network().ports.find(one.ifindex);
            port != balancer_.reach.resolver.network().ports.end())
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
    if (!next_.config.services.have(Trait::health)) return {};
    const Datapath& present = balancer_.program.datapath();
    const Datapath& next = candidate_->program ? *candidate_->program : present;
    if (balancer_.checks.checker) {
        if (!moves_ && next.build().limits.dests == present.build().limits.dests) return {};
        TRY(checks_.probes, balancer_.checks.checker->prepare(next.dests()));
        return {};
    }
    std::vector<ProbePath::Port> ports;
    for (const auto& [index, link] : resolver().network().ports) ports.push_back({.ifindex = index, .name = link.name});
    TRY(auto path, ProbePath::open(next.dests(), ports));
    TRY(checks_.checker, HealthChecker::open(balancer_.loop, std::move(path), balancer_.calls.changed));
    return {};
}

/// Comes after all slow calls, as those would let new peers connect at once.
Step Reload::peers() {
    return {.prepare = [this]() -> Result<> {
                TRY(mesh_, prepare_mesh(balancer_, next_.config.cluster));
                return {};
            },
            .commit = {},
            .undo = {}};
}

Step Reload::maps() {
    return {.prepare = {}, .commit = [this] { return balancer_.reconciler.edit(*candidate_); }, .undo = {}};
}

void Reload::give_up() {
    if (ways_.resolver) ways_.resolver->release_all_but(balancer_.reach.resolver);
    if (ways_.follows) forget(balancer_.reach.resolver, change_.come);
    balancer_.calls.changed();
}

void Reload::take_over() {
    const auto& ids = balancer_.image().ids;
    const FlowClock& clock = balancer_.program.datapath().flows().clock();
    if (next_.config.flows == balancer_.wanted.config.flows)
        set_idle_times(balancer_.idle_times, change_.come, ids, clock);
    else
        balancer_.idle_times = idle_times(next_.config, ids, clock);
    balancer_.program.keep();
    if (metrics_ || next_.config.metrics != balancer_.wanted.config.metrics) balancer_.metrics = std::move(metrics_);
    balancer_.wanted = std::move(next_);
    balancer_.reach.around = ways_.around;
    take_over_ways();
}

void Reload::take_over_ways() {
    if (ways_.resolver) {
        balancer_.reach.resolver.release_all_but(*ways_.resolver);
        balancer_.reach.events = std::move(ways_.events);  // must be removed before the descriptor is closed
        balancer_.reach.resolver = *std::move(ways_.resolver);
    } else {
        forget(balancer_.reach.resolver, change_.gone);
        for (const Service& service : change_.gone)
            for (const Backend& backend : service.backends)
                if (!balancer_.reach.resolver.ways().follows(backend.address)) ways_.hops.erase(backend.address);
    }
    std::swap(balancer_.reach.hops, ways_.hops);
}

/// Detaches from interfaces that are no longer configured, and narrows the program to the new state.
void Reload::tidy_up() {
    log_heirs(heirs_);
    complain(balancer_.report_key());
    Program& program = balancer_.program;
    const bool is_other_program = candidate_->program.has_value();
    if (attachments_) {
        const auto named =
            program.attachments().prepare(balancer_.reach.resolver.network().ports, balancer_.wanted.config.xdp);
        complain(named ? program.attachments().commit(program.datapath(), *named) : tl::unexpected(named.error()));
        balancer_.watch_losses();
        balancer_.report_missing();
    }
    take_over_checks();
    follow_mesh(balancer_, std::move(mesh_));
    complain(balancer_.reconciler.narrow(candidate_->build, balancer_.reach.resolver.network().ports,
                                         balancer_.wanted.config.xdp));
    if (attachments_ || is_other_program) complain(balancer_.follow_offloads());  // the mode may have changed
    balancer_.report(ways_.hops);
    balancer_.announce();
}

void Reload::take_over_checks() {
    if (!checks_.checker && !balancer_.checks.checker) return;
    balancer_.calls.changed();  // a backend that is no longer checked counts as up
    if (!balancer_.wanted.config.services.have(Trait::health)) return balancer_.checks.checker.reset();
    if (checks_.checker) balancer_.checks.checker = std::move(checks_.checker);
    if (checks_.probes) balancer_.checks.checker->take(std::move(checks_.probes), balancer_.ports_to_probe());
    balancer_.checks.checker->set_hops(balancer_.reach.hops);
    balancer_.follow_checks();
}

}  // namespace culvert::lbd
