// SPDX-License-Identifier: Apache-2.0
#include "lbd/reload/adapt.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace culvert::lbd {
namespace {

using netlink::Result;

constexpr std::chrono::seconds rebuilt_again_after{10};

/// Call when the ports, or the map of destinations, have changed.
Result<> renew_checks(Balancer& balancer) {
    if (!balancer.checks.checker) return {};
    return balancer.checks.checker->renew(balancer.program.datapath().dests(), balancer.ports_to_probe());
}

/// The program for the present surroundings.
Build build_now(const Balancer& balancer) {
    const Build& present = balancer.program.datapath().build();
    return keyed(build_for(balancer.wanted.config, balancer.reach.around, present.limits), present);
}

bool is_planned(const Balancer& balancer, const Planned& wanted) {
    const auto& planned = balancer.reconciler.planner().planned();
    return planned && planned->hops == wanted.hops && planned->health == wanted.health;
}

bool is_still_refused(const Balancer& balancer, const Build& build) {
    const auto& refused = balancer.refused;
    return refused && refused->build == build && refused->ports == balancer.reach.resolver.network().ports &&
           std::chrono::steady_clock::now() - refused->at <= rebuilt_again_after;
}

/// Marks next hops behind VLAN devices as unreachable if the running program cannot send VLAN tags.
Hops reachable(Hops hops, const Build& present) {
    if (present.config.vlan != 0) return hops;
    for (auto& [backend, hop] : hops)
        if (hop && !hop->tags.empty()) hop = tl::unexpected(LB_DROP_NO_INTERFACE);
    return hops;
}

Result<> make_all(Balancer& balancer, const Planned& wanted) {
    Reconciler& reconciler = balancer.reconciler;
    const Ports& ports = balancer.reach.resolver.network().ports;
    TRY(Candidate candidate, reconciler.prepare(balancer.wanted.config, balancer.reach.around, wanted));
    const Build build = candidate.build;
    const bool has_other_dests = build.limits.dests != balancer.program.datapath().build().limits.dests;
    const bool has_program = candidate.program.has_value();
    if (has_program) balancer.offloads->look({}, ports, balancer.reach.resolver.network().links);
    CHECK_OK(reconciler.make(std::move(candidate), ports, balancer.wanted.config.xdp));
    if (has_other_dests) CHECK_OK(renew_checks(balancer));
    CHECK_OK(reconciler.narrow(build, ports, balancer.wanted.config.xdp));
    return has_program ? balancer.follow_offloads() : Result<>{};  // the mode may have changed
}

/// Health and next hops take effect even if the program cannot be replaced.
Result<> make_maps(Balancer& balancer, Planned wanted) {
    wanted.hops = reachable(std::move(wanted.hops), balancer.program.datapath().build());
    balancer.reach.hops = wanted.hops;
    if (balancer.checks.checker) balancer.checks.checker->set_hops(balancer.reach.hops);
    TRY(Candidate candidate, balancer.reconciler.prepare_maps(std::move(wanted)));
    return balancer.reconciler.make(std::move(candidate), {}, balancer.wanted.config.xdp);
}

Result<> follow_plan(Balancer& balancer) {
    const Planned wanted{
        .services = balancer.wanted.config.services, .hops = balancer.reach.hops, .health = balancer.checks.health()};
    const Build build = build_now(balancer);
    const bool is_other = !(build == balancer.program.datapath().build());
    if (!is_other && is_planned(balancer, wanted)) return {};
    if (!is_still_refused(balancer, build)) {
        auto made = make_all(balancer, wanted);
        if (made && balancer.refused) spdlog::info("the program is compiled for the present surroundings now");
        balancer.refused.reset();
        if (made || !is_other) return made;
        made.error().operation = "recompile the program (the former one stays): " + made.error().operation;
        balancer.refused = {.build = build_now(balancer),  // the maps may have grown
                            .ports = balancer.reach.resolver.network().ports,
                            .at = std::chrono::steady_clock::now(),
                            .error = std::move(made.error())};
    }
    CHECK_OK(make_maps(balancer, wanted));
    return tl::unexpected(balancer.refused->error);
}

}  // namespace

Result<> follow_interfaces(Balancer& balancer) {
    Program& program = balancer.program;
    Attachments& attachments = program.attachments();
    const Network& network = balancer.reach.resolver.network();
    balancer.tell_program();
    balancer.offloads->look(attachments.list(), network.ports, network.links);
    const auto changed = attachments.follow(program.datapath(), network.ports, balancer.wanted.config.xdp);
    auto followed = balancer.follow_offloads();
    if (!changed) return tl::unexpected(changed.error());
    balancer.watch_losses();
    if (*changed) CHECK_OK(renew_checks(balancer));
    if (balancer.checks.checker) CHECK_OK(balancer.checks.checker->repair_taps());
    return followed;
}

Result<> adapt(Balancer& balancer) {
    auto outcome = follow_interfaces(balancer);
    auto around = balancer.reach.resolver.surroundings();
    if (around)
        balancer.reach.around = *around;
    else if (outcome)
        outcome = tl::unexpected(std::move(around.error()));
    const Hops before = std::exchange(balancer.reach.hops, balancer.reach.resolver.update());
    if (balancer.checks.checker) balancer.checks.checker->set_hops(balancer.reach.hops);
    auto planned = follow_plan(balancer);
    balancer.follow_checks();
    balancer.report(before);
    balancer.announce();
    return outcome ? planned : outcome;
}

}  // namespace culvert::lbd
