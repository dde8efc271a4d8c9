// SPDX-License-Identifier: Apache-2.0
#include "lbd/reload/start.hpp"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "lbd/key/derive.hpp"
#include "lbd/network/log.hpp"
#include "lbd/plan/found_health.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;

constexpr std::chrono::seconds time_before_first_packet{1};  // to resolve neighbours

/// Attaches the program to the configured interfaces, and to no others.
Result<> attach(Balancer& balancer) {
    Attachments& attachments = balancer.program.attachments();
    const Network& network = balancer.reach.resolver.network();
    TRY(const auto prepared, attachments.prepare(network.ports, balancer.wanted.config.xdp));
    balancer.offloads->look(attachments.list(), network.ports, network.links);
    CHECK_OK(attachments.commit(balancer.program.datapath(), prepared));
    CHECK_OK(balancer.follow_offloads());
    balancer.report_missing();
    balancer.program.keep();
    return {};
}

/// If there is no room, frees ids that nothing needs any more, and tries again.
Result<Candidate> prepare(Balancer& balancer) {
    const Planned wanted{.services = balancer.wanted.config.services,
                         .hops = balancer.reach.hops,
                         .health = balancer.checks.health_for(balancer.wanted.config.services)};
    auto candidate = balancer.reconciler.prepare(balancer.wanted.config, balancer.reach.around, wanted);
    if (candidate || candidate.error().code != ENOSPC) return candidate;
    CHECK_OK(balancer.reconciler.forget_unused_ids(balancer.wanted.config.services));
    return balancer.reconciler.prepare(balancer.wanted.config, balancer.reach.around, wanted);
}

/// Counts frames that drivers lose. A failure does not stop lbd.
void count_losses(Balancer& balancer) {
    auto losses = Losses::count(balancer.program.pins(), balancer.program.datapath().reason_counts());
    if (!losses) return spdlog::warn(losses.error().message());
    balancer.losses = *std::move(losses);
    balancer.watch_losses();
}

}  // namespace

Result<Build> first_build(const Config& config, Resolver& resolver) {
    TRY(const Image image, plan(config.services, {}, {}, {}));
    TRY(const Surroundings around, resolver.surroundings());
    Build build = build_for(config, around, limits_for(image));
    if (config.cluster.key) CHECK_OK(set_hash_key(build.config, *config.cluster.key));
    return build;
}

Result<> start(Balancer& balancer) {
    Program& program = balancer.program;
    Reconciler& reconciler = balancer.reconciler;
    balancer.reach.resolver.set_flow_key(FlowKey(program.datapath().build().config));
    follow(balancer.reach.resolver, balancer.wanted.config.services);
    TRY(balancer.reach.hops, resolve(balancer.reach.resolver, time_before_first_packet, balancer.slow));
    const Network& network = balancer.reach.resolver.network();
    CHECK_OK(check_tags(network.ports, balancer.wanted.config.xdp, network.links));
    balancer.tell_program();
    CHECK_OK(program.start());
    CHECK_OK(attach(balancer));
    count_losses(balancer);
    balancer.checks.found = found_health(balancer.wanted.config.services, balancer.image());
    TRY(balancer.reach.around, balancer.reach.resolver.surroundings());
    TRY(Candidate candidate, prepare(balancer));
    const Build build = candidate.build;
    const Ports& ports = balancer.reach.resolver.network().ports;
    CHECK_OK(reconciler.make(std::move(candidate), ports, balancer.wanted.config.xdp));
    if (const auto narrowed = reconciler.narrow(build, ports, balancer.wanted.config.xdp); !narrowed)
        spdlog::warn(narrowed.error().message());
    if (const auto forgotten = reconciler.forget_unused_ids(balancer.wanted.config.services); !forgotten)
        spdlog::warn(forgotten.error().message());
    balancer.idle_times = idle_times(balancer.wanted.config, balancer.image().ids, program.datapath().flows().clock());
    balancer.report({});
    CHECK_OK(balancer.report_key());
    log_redirects(balancer.reach.resolver.network());
    return {};
}

Result<> start_checks(Balancer& balancer) {
    if (!balancer.wanted.config.services.have(Trait::health)) return {};
    TRY(auto path, ProbePath::open(balancer.program.datapath().dests(), balancer.ports_to_probe()));
    TRY(balancer.checks.checker, HealthChecker::open(balancer.loop, std::move(path), balancer.calls.changed));
    balancer.checks.checker->set_hops(balancer.reach.hops);
    balancer.follow_checks();
    balancer.calls.changed();
    return {};
}

std::unique_ptr<MetricsServer> serve_metrics(EventLoop& loop, const Config& config, const MetricsServer::Text& text) {
    if (!config.metrics) return {};
    auto server = MetricsServer::listen(loop, *config.metrics, text);
    if (server) return *std::move(server);
    spdlog::warn(server.error().message() + "; metrics are not served");
    return {};
}

}  // namespace culvert::lbd
