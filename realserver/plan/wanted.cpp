// SPDX-License-Identifier: Apache-2.0
#include "realserver/plan/wanted.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "realserver/guard/ruleset.hpp"
#include "realserver/receive/encapsulation.hpp"
#include "realserver/receive/receivers.hpp"

namespace culvert::realserver {

namespace {

using netlink::FouType;
using netlink::SysctlKey;
using netlink::TunnelInner;

/// The ports on which the kernel decapsulates.
void want_ports(const TunnelEnd& end, HostState& wanted) {
    const auto type = encapsulation(end).fou;
    if (!type) return;
    for (const Family outer : end.outer)
        put(wanted, Port{.port = {.family = outer,
                                  .port = end.port,
                                  .type = *type,
                                  .protocol = *type == FouType::fou ? protocol_of(*end.inner.begin()) : std::uint8_t{0},
                                  .local = end.local,
                                  .peer = end.peer,
                                  .peer_port = end.peer_port},
                         .device = end.device});
}

long number(const std::optional<Item>& item) { return item ? std::get<Sysctl>(*item).value : 0; }

void want_rp_filter(const Receivers& receivers, const HostState& found, const Record& record, HostState& wanted) {
    const auto before = [&](const SysctlKey& sysctl) {
        return number(original(record, found, {Kind::sysctl, sysctl.to_string()}));
    };
    const auto carries_ipv4 = [&](std::string_view device) { return receivers.carries(device, Family::ipv4); };

    bool needed = false;
    for (const auto& [device, carried] : receivers.devices()) {
        if (!carried.contains(Family::ipv4)) continue;
        needed = true;
        put(wanted, Sysctl{SysctlKey::rp_filter(device), 0});
    }
    if (!needed) return;
    const long former = before(SysctlKey::rp_filter("all"));
    put(wanted, Sysctl{SysctlKey::rp_filter("all"), 0});
    if (former == 0) return;
    const auto keep = [&](std::string_view device) {
        const SysctlKey own = SysctlKey::rp_filter(device);
        put(wanted, Sysctl{own, std::max(before(own), former)});
    };
    keep("default");
    for (const auto& [key, item] : found)
        if (key.kind == Kind::link && !carries_ipv4(key.name)) keep(key.name);
}

/// Values that already keep VIPs out of ARP stay: ip-sysctl.rst, arp_ignore 1, 2 and 8.
void want_arp(const HostState& found, HostState& wanted) {
    const SysctlKey ignore = SysctlKey::arp_ignore("all");
    const long now = number(find(found, {Kind::sysctl, ignore.to_string()}));
    put(wanted, Sysctl{ignore, now == 2 || now == 8 ? now : 1});
    put(wanted, Sysctl{SysctlKey::arp_announce("all"), 2});
}

void want_mode(const Receivers& receivers, const HostState& found, HostState& wanted) {
    const std::string name = "ip6tnl0";
    const auto device = receivers.devices().find(name);
    if (device == receivers.devices().end()) return;
    const auto now = find(found, {Kind::mode, name});
    const bool ipv4 = device->second.contains(Family::ipv4);
    const bool ipv6 = device->second.contains(Family::ipv6);
    const TunnelInner least = ipv4 && ipv6 ? TunnelInner::any : ipv4 ? TunnelInner::ipv4 : TunnelInner::ipv6;
    const bool will_do = now && std::get<TunnelMode>(*now).inner == least;
    put(wanted, TunnelMode{name, will_do ? least : TunnelInner::any});
}

/// An attached program may stay in its present XDP mode.
void want_decap(Decap decap, const HostState& found, HostState& wanted) {
    if (const auto now = find(found, key(decap)); now && std::get<Decap>(*now).program)
        decap.mode = std::get<Decap>(*now).mode;
    put(wanted, std::move(decap));
}

}  // namespace

std::vector<Device> wanted_devices(const Desired& desired) {
    std::vector<Device> devices;
    for (const PointToPoint& tunnel : desired.config.tunnels)
        devices.push_back({.name = tunnel.name, .parameters = tunnel.parameters, .mac = {}});
    for (const Receive& receive : desired.by_kernel) {
        const auto* end = std::get_if<TunnelEnd>(&receive);
        if (end == nullptr || encapsulation(*end).device == nullptr) continue;
        Device device = encapsulation(*end).device(*end);
        if (std::ranges::find(devices, device) == devices.end()) devices.push_back(std::move(device));
    }
    return devices;
}

HostState want(const Desired& desired, const HostState& found, const Record& record) {
    const Config& config = desired.config;
    HostState wanted;
    const Receivers receivers(desired);
    put(wanted, Link{"lo", true});
    for (const std::string_view module : receivers.modules()) put(wanted, Module{std::string(module)});
    for (const Device& device : wanted_devices(desired)) put(wanted, device);
    for (const auto& [device, carried] : receivers.devices()) put(wanted, Link{device, true});
    want_mode(receivers, found, wanted);
    if (config.rp_filter == Policy::managed) want_rp_filter(receivers, found, record, wanted);
    if (config.arp == Policy::managed && families(config.vips).contains(Family::ipv4)) want_arp(found, wanted);
    for (const Prefix& vip : config.vips) put(wanted, Vip{vip});
    if (auto table = ruleset(desired)) put(wanted, Ruleset{*std::move(table)});
    for (const Decap& decap : desired.decap) want_decap(decap, found, wanted);
    for (const Receive& receive : desired.by_kernel)
        if (const auto* end = std::get_if<TunnelEnd>(&receive)) want_ports(*end, wanted);
    for (const PointToPoint& tunnel : config.tunnels)
        if (const auto port = receive_port(tunnel)) want_ports(*port, wanted);
    return wanted;
}

}  // namespace culvert::realserver
