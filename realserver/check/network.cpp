// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "realserver/check/arrivals.hpp"
#include "realserver/check/check.hpp"
#include "realserver/receive/receivers.hpp"

namespace culvert::realserver {

namespace {

using netlink::SysctlKey;

long number(const HostState& state, const SysctlKey& sysctl) {
    const auto found = find(state, {Kind::sysctl, sysctl.to_string()});
    return found ? std::get<Sysctl>(*found).value : 0;
}

/// RFC 8200 section 5. The kernel disables IPv6 on devices with a smaller MTU (net/ipv6/addrconf.c, addrconf_notify).
constexpr std::uint32_t least_ipv6_mtu = 1280;

/// A device uses the larger value of its own rp_filter and that of "all".
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

/// Packets from a tunnel device have their way back through another device. Strict and loose filters both drop them, as
/// the device has no address (net/ipv4/fib_frontend.c, __fib_validate_source).
void check_tunnels(const Patient& patient, Diagnosis& diagnosis) {
    const HostState& state = patient.observed.state;
    std::set<std::string> devices;
    std::set<std::string> evidence;
    std::set<std::string> cure;
    const Receivers receivers(patient.desired);
    for (const auto& [device, carried] : receivers.devices()) {
        if (!carried.contains(Family::ipv4) || !state.contains({Kind::link, device})) continue;
        if (has_conflict(patient, {Kind::device, device})) continue;
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
         .cause = fmt::format("the reverse-path filter drops packets from {}", fmt::join(devices, ", ")),
         .evidence = {evidence.begin(), evidence.end()},
         .cure = managed ? std::vector<std::string>{"realserver apply"}
                         : std::vector<std::string>{cure.begin(), cure.end()}});
}

/// Packets without a tunnel, or decapsulated by XDP, arrive at the device towards the balancer. A strict filter demands
/// that their way back leads through it, too.
void check_underlay(const Patient& patient, Diagnosis& diagnosis) {
    const bool bare =
        !patient.desired.decap.empty() || std::ranges::any_of(patient.desired.by_kernel, [](const Receive& receive) {
            return std::holds_alternative<L2>(receive) || std::holds_alternative<L3dsr>(receive);
        });
    const auto outside = patient.environment.outside.find(Family::ipv4);
    if (!bare || outside == patient.environment.outside.end()) return;
    std::set<std::string> devices;
    for (const auto& [balancer, way] : patient.environment.balancers)
        if (balancer.address.is_v4()) devices.insert(way.device);
    for (const Decap& decap : patient.desired.decap) devices.insert(decap.device);
    const std::string& back = outside->second.device;
    for (const std::string& device : devices) {
        const ReversePath filter(patient.observed.state, device);
        const SysctlKey own = SysctlKey::rp_filter(device);
        diagnosis.require(
            filter.effective != 1 || device == back || device.empty(),
            {.name = "rp_filter_drops",
             .cause = fmt::format(
                 "the reverse-path filter drops clients' packets that arrive at {}, as their way back is {}", device,
                 back),
             .evidence = {fmt::format("rp_filter of {}: {} (the larger of its own and that of all)", device,
                                      filter.effective),
                          fmt::format("route to the outside: dev {}", back)},
             .cure = {fmt::format("sysctl -w {}=2", own.to_string())}});
    }
}

/// Devices at which IPv6 packets arrive: from clients to the VIPs, or from balancers around a tunnel packet.
std::set<std::string> bare_ipv6_devices(const Patient& patient) {
    const Config& config = patient.config;
    const auto is_v6 = [](const Prefix& prefix) { return !prefix.address.is_v4(); };
    const bool bare =
        std::ranges::any_of(config.vips, is_v6) &&
        (!patient.desired.decap.empty() || std::ranges::any_of(patient.desired.by_kernel, [](const Receive& receive) {
            const auto* mark = std::get_if<L3dsr>(&receive);
            return mark != nullptr ? !mark->vip.is_v4() : std::holds_alternative<L2>(receive);
        }));
    const bool tunnelled = std::ranges::any_of(config.balancers, is_v6) &&
                           (!patient.desired.decap.empty() || !Receivers(patient.desired).devices().empty());
    std::set<std::string> devices;
    if (!bare && !tunnelled) return devices;
    devices.insert(config.interfaces.begin(), config.interfaces.end());
    if (devices.empty()) devices = patient.desired.ways_in;
    if (devices.empty())  // a device without IPv6 has no routes
        for (const auto& [name, device] : patient.environment.devices)
            if (device.answers) devices.insert(name);
    return devices;
}

/// The kernel drops IPv6 packets that arrive at a device with IPv6 disabled (net/ipv6/ip6_input.c, ip6_rcv_core), and
/// gives it no address.
void check_ipv6(const Patient& patient, Diagnosis& diagnosis) {
    const Environment& seen = patient.environment;
    const auto require = [&](const std::string& name, std::string_view what, bool then_apply) {
        const auto device = seen.devices.find(name);
        if (device == seen.devices.end()) return;
        const auto sysctl = SysctlKey::conf(Family::ipv6, name, "disable_ipv6").to_string();
        Finding finding{.name = "ipv6_disabled",
                        .cause = fmt::format("IPv6 is disabled on {}, {}", name, what),
                        .evidence = {sysctl + " = 1"},
                        .cure = {fmt::format("sysctl -w {}=0", sysctl)}};
        if (then_apply) finding.cure.emplace_back("realserver apply");
        if (device->second.mtu < least_ipv6_mtu && name != "lo") {
            finding.cause = fmt::format("{}, {}, has too small an MTU for IPv6", name, what);
            finding.evidence = {fmt::format("MTU of {}: {} bytes, not {}", name, device->second.mtu, least_ipv6_mtu)};
            finding.cure = {fmt::format("ip link set {} mtu {}", name, least_ipv6_mtu)};
        }
        diagnosis.require(!device->second.ipv6_disabled, finding);
    };
    const auto is_v6 = [](const Prefix& prefix) { return !prefix.address.is_v4(); };
    const bool needed =
        std::ranges::any_of(patient.config.vips, is_v6) || std::ranges::any_of(patient.config.balancers, is_v6);
    if (needed && !seen.has_ipv6)
        return diagnosis.require(false, {.name = "ipv6_disabled",
                                         .cause = "this kernel was started without IPv6",
                                         .evidence = {"there is no /proc/sys/net/ipv6"},
                                         .advice = "boot it without ipv6.disable=1 in /proc/cmdline"});
    const Receivers receivers(patient.desired);
    for (const auto& [name, carried] : receivers.devices())
        if (carried.contains(Family::ipv6)) require(name, "which decapsulates packets", false);
    for (const std::string& name : bare_ipv6_devices(patient)) require(name, "at which packets arrive", false);
    if (std::ranges::any_of(patient.config.vips, is_v6)) require("lo", "which should have the VIPs", true);
}

/// Whether one of the device's networks contains a VIP, so that neighbours ask for it.
bool is_on_link(const Patient& patient, const std::string& device) {
    return std::ranges::any_of(patient.environment.addresses, [&](const auto& own) {
        return own.device == device && std::ranges::any_of(patient.config.vips, [&](const Prefix& vip) {
                   return vip.address.is_v4() && !own.prefix.is_host() && own.prefix.contains(vip.address);
               });
    });
}

/// Whether the device would have no address without this one.
bool is_only_address(const Patient& patient, const std::string& device, const IpAddress& address) {
    return std::ranges::none_of(patient.environment.addresses, [&](const auto& own) {
        return own.device == device && own.prefix.address != address && !own.prefix.address.is_link_local() &&
               own.prefix.address.family() == address.family();
    });
}

/// With `arp: leave`, arp_ignore only matters on devices whose neighbours ask for VIPs.
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
                           .cure = {fmt::format("sysctl -w {}=1", own.to_string())}});
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
        if (has_conflict(patient, key(Vip{vip}))) continue;
        const std::string protocol = vip.address.is_v4() ? "ARP" : "neighbour discovery";
        diagnosis.checked += 1;
        for (const auto& [device, prefix] : patient.environment.addresses) {
            const auto known = patient.environment.devices.find(device);
            if (!vip.contains(prefix.address) || known == patient.environment.devices.end() || !known->second.answers)
                continue;
            Finding finding{.name = "vip_on_device",
                            .cause = fmt::format("{} is on {}, which answers for it in {}, in place of the balancer",
                                                 prefix.address.to_string(), device, protocol),
                            .evidence = {fmt::format("{}: {}", device, prefix.to_string())}};
            if (is_only_address(patient, device, prefix.address))
                finding.advice = fmt::format(
                    "it is this host's only address on {}: leave it out of vips, or give {} "
                    "another; then realserver apply",
                    device, device);
            else
                finding.cure = {fmt::format("ip addr del {} dev {}", prefix.to_string(), device), "realserver apply"};
            diagnosis.findings.push_back(std::move(finding));
        }
        for (const auto& [device, prefix] : patient.environment.proxied) {
            if (!vip.contains(prefix.address)) continue;
            const std::string address = prefix.address.to_string();
            diagnosis.findings.push_back(
                {.name = "proxy_answers_vip",
                 .cause = fmt::format("{} answers for {} in {} as a proxy", device, address, protocol),
                 .evidence = {fmt::format("ip neigh show proxy: {} dev {}, and forwarding and proxy_ndp are on",
                                          address, device)},
                 .cure = {fmt::format("ip neigh del proxy {} dev {}", address, device)}});
        }
    }
}

void check_service(const Patient& patient, Diagnosis& diagnosis) {
    for (const Prefix& vip : patient.config.vips) {
        const auto devices = ways_in(patient.desired, vip.address.family());
        const bool served = std::ranges::any_of(patient.environment.listeners, [&](const auto& listener) {
            const bool hears = listener.device.empty() || devices.contains(listener.device);
            return hears && (listener.socket.takes(vip.address) || vip.contains(listener.socket.address));
        });
        diagnosis.require(
            served,
            {.name = "nobody_listens",
             .cause = fmt::format("no process receives packets for {}", vip.to_string()),
             .evidence = {fmt::format(
                 "{} sockets listen, but none on the VIP or on all addresses, at a device where its packets arrive",
                 patient.environment.listeners.size())},
             .advice = fmt::format("start the service, on {} or on all addresses",
                                   vip.is_host() ? vip.address.to_string() : vip.to_string())});
    }
}

}  // namespace culvert::realserver
