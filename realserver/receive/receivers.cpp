// SPDX-License-Identifier: Apache-2.0
#include "realserver/receive/receivers.hpp"

#include <algorithm>
#include <iterator>
#include <variant>

#include "realserver/receive/encapsulation.hpp"
#include "realserver/receive/fallback.hpp"

namespace culvert::realserver {

namespace {

/// The families that the device decapsulates.
std::set<Family> carried_by(const netlink::Tunnel& tunnel) {
    switch (tunnel.inner) {
        case netlink::TunnelInner::ipv4:
            return {Family::ipv4};
        case netlink::TunnelInner::ipv6:
            return {Family::ipv6};
        default:
            return {Family::ipv4, Family::ipv6};
    }
}

}  // namespace

common::EncapKind kind_of(const netlink::Encap& encap) {
    return encap.type == netlink::EncapType::gue ? common::EncapKind::gue : common::EncapKind::fou;
}

std::optional<TunnelEnd> receive_port(const PointToPoint& tunnel) {
    const netlink::Encap& encap = tunnel.parameters.encap;
    if (encap.type == netlink::EncapType::none || encap.source_port == 0) return std::nullopt;
    TunnelEnd end{
        .encap = kind_of(encap), .port = encap.source_port, .outer = {netlink::outer_family(tunnel.parameters.kind)}};
    if (netlink::is_gre(tunnel.parameters.kind)) {
        end.inner = {Inner::gre};
    } else {
        for (const Family family : carried_by(tunnel.parameters)) end.inner.insert(inner_of(family));
    }
    return end;
}

Receivers::Receivers(const Desired& desired) : Receivers(desired.by_kernel, desired.config) {}

Receivers::Receivers(const Config& config) : Receivers(config.receive, config) {}

Receivers::Receivers(const std::vector<Receive>& receive, const Config& config) : vips_(families(config.vips)) {
    for (const Receive& one : receive)
        if (const auto* end = std::get_if<TunnelEnd>(&one)) add(*end);
    for (const PointToPoint& tunnel : config.tunnels) add(tunnel);
}

void Receivers::add(const TunnelEnd& end) {
    const Encapsulation& row = encapsulation(end);
    if (!row.module.empty()) modules_.insert(row.module);
    const auto own = row.device == nullptr ? std::nullopt : std::optional(row.device(end));
    for (const Family outer : end.outer)
        for (const Inner inner : end.inner) {
            const std::set<Family> out = carried(inner, vips_);
            if (own) {
                add(own->name, row.module, out);
            } else {
                const FallbackDevice& device = fallback_device(outer, row.protocol.value_or(protocol_of(inner)));
                add(device.name, device.module, out);
            }
        }
}

void Receivers::add(const PointToPoint& tunnel) {
    const netlink::TunnelKind kind = tunnel.parameters.kind;
    std::set<Family> out;
    std::ranges::set_intersection(carried_by(tunnel.parameters), vips_, std::inserter(out, out.end()));
    add(tunnel.name, netlink::module_of(kind), out);
    if (tunnel.parameters.encap.type == netlink::EncapType::none) return;
    modules_.insert("fou");
    if (netlink::outer_family(kind) == Family::ipv6) modules_.insert("fou6");
}

void Receivers::add(std::string_view device, std::string_view module, const std::set<Family>& carried) {
    devices_[std::string(device)].insert(carried.begin(), carried.end());
    modules_.insert(module);
}

bool Receivers::carries(std::string_view device, Family family) const {
    const auto found = devices_.find(device);
    return found != devices_.end() && found->second.contains(family);
}

}  // namespace culvert::realserver
