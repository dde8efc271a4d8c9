// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "realserver/check/check.hpp"
#include "realserver/plan/receivers.hpp"
#include "realserver/plan/room.hpp"

namespace culvert::realserver {

namespace {

using netlink::SysctlKey;

long number(const HostState& state, const SysctlKey& sysctl) {
    const auto found = find(state, {Kind::sysctl, sysctl.to_string()});
    return found ? std::get<Sysctl>(*found).value : 0;
}

/// What counts for a device is the larger of its own value and that of "all".
struct ReversePath {
    std::vector<SysctlKey> sysctls;  ///< those that are not 0
    long effective = 0;

    ReversePath(const HostState& state, std::string_view device) {
        for (const SysctlKey& sysctl : {SysctlKey::rp_filter("all"), SysctlKey::rp_filter(device)}) {
            const long value = number(state, sysctl);
            if (value != 0) sysctls.push_back(sysctl);
            effective = std::max(effective, value);
        }
    }

    [[nodiscard]] bool was_reset(const Record& record) const {
        return std::ranges::any_of(sysctls, [&](const SysctlKey& sysctl) { return was_set({sysctl, 0}, record); });
    }
};

/// Packets that come out of a tunnel have their way back elsewhere: strict and loose filters drop them both, since the
/// device has no address (net/ipv4/fib_frontend.c, __fib_validate_source).
void check_tunnels(const Patient& patient, Diagnosis& diagnosis) {
    const HostState& state = patient.observed.state;
    std::set<std::string> devices;
    std::set<std::string> evidence;
    std::set<std::string> cure;
    const Receivers receivers(patient.config);
    for (const auto& [device, carried] : receivers.devices()) {
        if (!carried.contains(Family::ipv4) || !state.contains({Kind::link, device})) continue;
        if (is_taken(patient, device)) continue;
        ++diagnosis.checked;
        const ReversePath filter(state, device);
        if (filter.effective == 0 || filter.was_reset(patient.record)) continue;
        devices.insert(device);
        for (const SysctlKey& sysctl : filter.sysctls) {
            evidence.insert(fmt::format("{} = {}", sysctl.to_string(), number(state, sysctl)));
            cure.insert(fmt::format("sysctl -w {}=0", sysctl.to_string()));
        }
    }
    if (devices.empty()) return;
    const bool managed = patient.config.rp_filter == Policy::managed;
    diagnosis.findings.push_back(
        {.name = "rp_filter_drops",
         .cause = fmt::format("packets from {} are dropped by the reverse-path filter", fmt::join(devices, ", ")),
         .evidence = {evidence.begin(), evidence.end()},
         .cure = managed ? "realserver apply" : fmt::format("{}", fmt::join(cure, "; "))});
}

/// Clients' own packets come in by the device towards the balancer, also where XDP has unwrapped them. A strict filter
/// wants their way back there, too.
void check_underlay(const Patient& patient, Diagnosis& diagnosis) {
    const bool bare =
        !patient.config.decap.empty() || std::ranges::any_of(patient.config.receive, [](const Receive& receive) {
            return std::holds_alternative<L2>(receive) || std::holds_alternative<L3dsr>(receive);
        });
    const auto outside = patient.environment.outside.find(Family::ipv4);
    if (!bare || outside == patient.environment.outside.end()) return;
    std::set<std::string> devices;
    for (const auto& [balancer, way] : patient.environment.balancers)
        if (balancer.address.is_v4()) devices.insert(way.device);
    for (const Decap& decap : patient.config.decap) devices.insert(decap.device);
    const std::string& back = outside->second.device;
    for (const std::string& device : devices) {
        const ReversePath filter(patient.observed.state, device);
        const SysctlKey own = SysctlKey::rp_filter(device);
        diagnosis.require(
            filter.effective != 1 || device == back || device.empty(),
            {.name = "rp_filter_drops",
             .cause = fmt::format("packets of clients that come by {} are dropped by the reverse-path filter, as their "
                                  "way back is {}",
                                  device, back),
             .evidence = {fmt::format("rp_filter of {}: {} (the larger of all's and its own)", device,
                                      filter.effective),
                          fmt::format("route to the outside: dev {}", back)},
             .cure = fmt::format("sysctl -w {}=2", own.to_string())});
    }
}

/// The kernel drops what comes by a device on which IPv6 is switched off.
void check_ipv6(const Patient& patient, Diagnosis& diagnosis) {
    const Receivers receivers(patient.config);
    for (const auto& [name, carried] : receivers.devices()) {
        const auto device = patient.environment.devices.find(name);
        if (!carried.contains(Family::ipv6) || device == patient.environment.devices.end()) continue;
        const auto sysctl = SysctlKey::conf(Family::ipv6, name, "disable_ipv6").to_string();
        diagnosis.require(!device->second.ipv6_disabled,
                          {.name = "ipv6_disabled",
                           .cause = fmt::format("IPv6 is switched off on {}, which packets come out of", name),
                           .evidence = {sysctl + " = 1"},
                           .cure = fmt::format("sysctl -w {}=0", sysctl)});
    }
}

/// The VIPs that the device's own networks hold, so that somebody there asks for them.
bool is_on_link(const Patient& patient, const std::string& device) {
    return std::ranges::any_of(patient.environment.addresses, [&](const auto& own) {
        return own.device == device && std::ranges::any_of(patient.config.vips, [&](const Prefix& vip) {
                   return vip.address.is_v4() && !own.prefix.is_host() && own.prefix.contains(vip.address);
               });
    });
}

/// Where the operator wants arp_ignore left alone, it matters only where VIPs are asked for.
void check_arp(const Patient& patient, Diagnosis& diagnosis) {
    if (patient.config.arp == Policy::managed) return;
    const SysctlKey all = SysctlKey::arp_ignore("all");
    for (const auto& [name, device] : patient.environment.devices) {
        if (!device.answers || !is_on_link(patient, name)) continue;
        const SysctlKey own = SysctlKey::arp_ignore(name);
        diagnosis.require(std::max(number(patient.observed.state, all), device.arp_ignore) != 0,
                          {.name = "arp_answers_vip",
                           .cause = fmt::format("{} answers ARP requests for VIPs, in place of the balancer", name),
                           .evidence = {fmt::format("{} = 0", all.to_string()), fmt::format("{} = 0", own.to_string())},
                           .cure = fmt::format("sysctl -w {}=1", own.to_string())});
    }
}

}  // namespace

bool was_set(const Sysctl& wanted, const Record& record) {
    const auto entry = record.find(key(wanted));
    return entry != record.end() && std::ranges::find(entry->second.ours, Item(wanted)) != entry->second.ours.end();
}

void check_input(const Patient& patient, Diagnosis& diagnosis) {
    check_tunnels(patient, diagnosis);
    check_underlay(patient, diagnosis);
    check_ipv6(patient, diagnosis);
}

void check_answers(const Patient& patient, Diagnosis& diagnosis) {
    check_arp(patient, diagnosis);
    for (const Prefix& vip : patient.config.vips) {
        const std::string protocol = vip.address.is_v4() ? "ARP" : "neighbour discovery";
        diagnosis.checked += 1;
        for (const auto& [device, prefix] : patient.environment.addresses) {
            const auto known = patient.environment.devices.find(device);
            if (!vip.contains(prefix.address) || known == patient.environment.devices.end() || !known->second.answers)
                continue;
            diagnosis.findings.push_back(
                {.name = "vip_on_device",
                 .cause = fmt::format("{} is on {}, which answers for it in {}, in place of the balancer",
                                      prefix.address.to_string(), device, protocol),
                 .evidence = {fmt::format("{}: {}", device, prefix.to_string())},
                 .cure = fmt::format("ip addr del {} dev {} && realserver apply", prefix.to_string(), device)});
        }
        for (const auto& [device, prefix] : patient.environment.proxied) {
            if (!vip.contains(prefix.address)) continue;
            const std::string address = prefix.address.to_string();
            diagnosis.findings.push_back(
                {.name = "proxy_answers_vip",
                 .cause = fmt::format("{} answers for {} in {} as a proxy", device, address, protocol),
                 .evidence = {fmt::format("ip neigh show proxy: {} dev {}, and forwarding and proxy_ndp are on",
                                          address, device)},
                 .cure = fmt::format("ip neigh del proxy {} dev {}", address, device)});
        }
    }
}

void check_routes(const Patient& patient, Diagnosis& diagnosis) {
    const Environment& seen = patient.environment;
    for (const Family family : families(patient.config.vips)) {
        const auto reason = seen.no_way_out.find(family);
        diagnosis.require(reason == seen.no_way_out.end(),
                          {.name = "no_route_back",
                           .cause = fmt::format("answers over {} reach clients on this host's own networks only",
                                                family == Family::ipv4 ? "IPv4" : "IPv6"),
                           .evidence = {reason == seen.no_way_out.end() ? "" : reason->second},
                           .cure = fmt::format("ip -{} route add default via ROUTER", family == Family::ipv4 ? 4 : 6)});
    }
    const std::uint32_t full_size = patient.config.mtu.value_or(usual_mtu);
    std::set<std::string> shown;
    for (const auto& [balancer, way] : seen.balancers) {
        if (!shown.insert(way.device).second) continue;
        if (Receivers(patient.config).devices().empty() && patient.config.decap.empty()) continue;
        diagnosis.require(
            way.mtu >= full_size,
            {.name = "mtu_too_small",
             .cause = fmt::format("{} has no room for full-size packets in a tunnel", way.device),
             .evidence = {fmt::format("MTU of the way to {}: {} bytes, not {}", balancer.to_string(), way.mtu,
                                      full_size)},
             .cure = fmt::format("ip link set {} mtu {}, or write mtu: {} and apply", way.device, full_size, way.mtu)});
    }
}

void check_service(const Patient& patient, Diagnosis& diagnosis) {
    for (const Prefix& vip : patient.config.vips) {
        const bool served = std::ranges::any_of(patient.environment.listeners, [&](const auto& listener) {
            return listener.socket.takes(vip.address) || vip.contains(listener.socket.address);
        });
        diagnosis.require(served, {.name = "nobody_listens",
                                   .cause = fmt::format("no process takes packets for {}", vip.to_string()),
                                   .evidence = {fmt::format("{} sockets listen, none on it or on all addresses",
                                                            patient.environment.listeners.size())},
                                   .cure = fmt::format("start the service, on {} or on all addresses",
                                                       vip.is_host() ? vip.address.to_string() : vip.to_string())});
    }
}

}  // namespace culvert::realserver
