// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <set>
#include <tuple>

#include "realserver/check/check.hpp"
#include "realserver/desired/room.hpp"
#include "realserver/host/balancers.hpp"
#include "realserver/host/kernel_host.hpp"
#include "realserver/receive/receivers.hpp"

namespace culvert::realserver {

namespace {

/// Reports the answers that the kernel refuses to route.
void check_ways_back(const Patient& patient, Family family, Diagnosis& diagnosis) {
    constexpr std::size_t shown = 4;
    const Environment& seen = patient.environment;
    const auto add = [](std::vector<std::string>& list, const std::string& text) {
        if (std::ranges::find(list, text) == list.end()) list.push_back(text);
    };
    Finding finding{.name = "no_route_back", .cause = {}, .evidence = {}};
    std::vector<std::string> vips;
    std::vector<std::string> reasons;
    std::size_t asked = 0;
    std::size_t refused = 0;
    bool curable = true;
    for (const Environment::Answer& answer : seen.answers) {
        const auto& [vip, client] = std::tie(answer.vip, answer.client);
        if (client.family() != family) continue;
        ++asked;
        if (answer.way) continue;
        ++refused;
        add(vips, vip.is_host() ? vip.address.to_string() : vip.to_string());
        if (refused <= shown)
            finding.evidence.push_back(
                fmt::format("ip route get {} from {}{}: {}", client.to_string(), vip.address.to_string(),
                            answer.mark == 0 ? "" : fmt::format(" mark {:#x}", answer.mark), answer.refusal));
        const Refusal why =
            why_refused(seen.routing, {vip, client, answer.user, answer.ip_protocol, answer.source_port, answer.mark});
        for (const std::string& reason : why.reasons) add(reasons, reason);
        for (const std::string& command : why.commands) add(finding.cure, command);
        curable = curable && why.curable;
    }
    ++diagnosis.checked;
    const auto is_there = [&](const Prefix& vip) {
        return vip.address.family() == family && patient.observed.state.contains(key(Vip{vip}));
    };
    if (asked == 0 && std::ranges::none_of(patient.config.vips, is_there))
        diagnosis.not_judged.push_back({fmt::format("routes of answers over {}", netlink::name(family)),
                                        "no VIP of the family is an address of this host yet"});
    if (refused == 0) return;
    if (!curable) {
        finding.cure.clear();
        finding.advice = fmt::format("ip -{} route replace default via ROUTER", family == Family::ipv4 ? 4 : 6);
    }
    finding.cause = fmt::format("answers of {} have no route to {}", fmt::join(vips, ", "),
                                refused == asked ? "clients beyond this host's own networks" : "some clients");
    std::ranges::move(reasons, std::back_inserter(finding.evidence));
    diagnosis.findings.push_back(std::move(finding));
}

/// The hosts in the network that are not this host: balancers, gateways, neighbours.
std::vector<std::string> others_in(const Patient& patient, const Prefix& network) {
    std::vector<std::string> others;
    const auto add = [&](const std::string& what) {
        if (std::ranges::find(others, what) == others.end()) others.push_back(what);
    };
    const auto overlaps = [&](const Prefix& other) {
        return network.contains(other.address) || other.contains(network.address);
    };
    for (const IpAddress& gateway : patient.observed.around.gateways)
        if (network.contains(gateway)) add("the gateway " + gateway.to_string());
    for (const Prefix& balancer : patient.config.balancers)
        if (overlaps(balancer)) add("the balancer " + balancer.address.to_string());
    for (const auto& [device, prefix] : patient.environment.addresses)
        if (device != "lo" && !prefix.is_host() && !prefix.address.is_link_local() && overlaps(prefix))
            add(fmt::format("neighbours of {} on {}", prefix.address.to_string(), device));
    return others;
}

/// An address on lo with the mask of its network makes the whole network local to this host.
void check_local_networks(const Patient& patient, Diagnosis& diagnosis) {
    const Environment& seen = patient.environment;
    for (const netlink::Route& route : seen.routing.routes) {
        const Prefix& network = route.destination;
        const bool on_lo = route.hops.size() == 1 && route.hops.front().link == index_of_lo;
        if (!on_lo || network.is_host() || network.length == 0 || network.address.is_loopback()) continue;
        if (std::ranges::find(patient.config.vips, network) != patient.config.vips.end()) continue;  // reported by plan
        const auto others = others_in(patient, network);
        Finding finding{.name = "network_is_local",
                        .cause = fmt::format("all of {} is local to this host, so its packets do not reach {}",
                                             network.to_string(), fmt::join(others, ", ")),
                        .evidence = {},
                        .cure = {}};
        for (const auto& [device, prefix] : seen.addresses) {
            if (device != "lo" || prefix.network() != network) continue;
            finding.evidence.push_back(fmt::format("lo: {}", prefix.to_string()));
            finding.cure.push_back(fmt::format("ip addr del {} dev lo", prefix.to_string()));
        }
        if (finding.cure.empty()) {
            const std::string text = fmt::format("{}{} dev lo table {}", route.type == RTN_LOCAL ? "local " : "",
                                                 network.to_string(), route.table);
            const int family = network.address.is_v4() ? 4 : 6;
            finding.evidence.push_back(fmt::format("ip -{} route: {}", family, text));
            finding.cure.push_back(fmt::format("ip -{} route del {}", family, text));
        }
        finding.cure.emplace_back("realserver apply");
        diagnosis.require(others.empty(), finding);
    }
}

/// The guard accepts balancers only at the device that leads to them, and so does the reverse-path filter.
void check_ways_to_balancers(const Patient& patient, Diagnosis& diagnosis) {
    const Config& config = patient.config;
    if (config.guard == Guard::off || !config.interfaces.empty() || Receivers(patient.desired).devices().empty())
        return;
    for (const Prefix& balancer : config.balancers) {
        const IpAddress address = inside(balancer);
        Finding finding{.name = "no_route_to_balancer",
                        .cause = fmt::format("the guard drops packets from {} (wrong_way), as no route leads there",
                                             balancer.is_host() ? address.to_string() : balancer.to_string()),
                        .evidence = {}};
        const Refusal why =
            why_refused(patient.environment.routing,
                        {.vip = Prefix::host(IpAddress::any(address.family())), .destination = address});
        finding.evidence = why.reasons;
        // The commands add rules for packets from a VIP, which is no cure for packets to the balancer.
        const bool adds = std::ranges::any_of(
            why.commands, [](const std::string& command) { return command.find(" rule add ") != std::string::npos; });
        if (!adds) finding.cure = why.commands;
        if (finding.cure.empty())
            finding.advice = fmt::format(
                "ip -{} route add {} via ROUTER; or set interfaces: to the device at which its packets arrive, then "
                "realserver apply",
                address.is_v4() ? 4 : 6, balancer.to_string());
        diagnosis.require(patient.environment.balancers.contains(balancer), finding);
    }
}

}  // namespace

void check_routes(const Patient& patient, Diagnosis& diagnosis) {
    const Environment& seen = patient.environment;
    check_local_networks(patient, diagnosis);
    check_ways_to_balancers(patient, diagnosis);
    for (const Family family : families(patient.config.vips)) check_ways_back(patient, family, diagnosis);
    const std::uint32_t full_size = patient.config.mtu.value_or(usual_mtu);
    std::set<std::string> shown;
    for (const auto& [balancer, way] : seen.balancers) {
        if (!shown.insert(way.device).second) continue;
        if (Receivers(patient.desired).devices().empty() && patient.desired.decap.empty()) continue;
        diagnosis.require(
            way.mtu >= full_size,
            {.name = "mtu_too_small",
             .cause = fmt::format("{} has no room for full-size packets in a tunnel", way.device),
             .evidence = {fmt::format("MTU of the route to {}: {} bytes, not {}", balancer.to_string(), way.mtu,
                                      full_size)},
             .cure = {fmt::format("ip link set {} mtu {}", way.device, full_size), "realserver apply"},
             .advice = fmt::format("write mtu: {} into the configuration, then realserver apply", way.mtu)});
    }
}

}  // namespace culvert::realserver
