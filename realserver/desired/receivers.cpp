// SPDX-License-Identifier: Apache-2.0
#include "realserver/desired/receivers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace culvert::realserver {

namespace {

constexpr FallbackDevice tunl0{"tunl0", "ipip"};
constexpr FallbackDevice sit0{"sit0", "sit"};
constexpr FallbackDevice ip6tnl0{"ip6tnl0", "ip6_tunnel"};
constexpr FallbackDevice gre0{"gre0", "ip_gre"};
constexpr FallbackDevice ip6gre0{"ip6gre0", "ip6_gre"};

/// What comes out of the devices of a kind.
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

FallbackDevice fallback_device(Family outer, Inner inner) {
    if (outer == Family::ipv6) return inner == Inner::gre ? ip6gre0 : ip6tnl0;
    return inner == Inner::gre ? gre0 : inner == Inner::ipv4 ? tunl0 : sit0;
}

std::string geneve_device(std::uint16_t port) { return fmt::format("geneve{}", port); }

std::optional<UdpTunnel> receive_port(const PointToPoint& tunnel) {
    const netlink::Encap& encap = tunnel.parameters.encap;
    if (encap.type == netlink::EncapType::none || encap.source_port == 0) return std::nullopt;
    const bool gue = encap.type == netlink::EncapType::gue;
    UdpTunnel port{.type = gue ? netlink::FouType::gue : netlink::FouType::fou,
                   .port = encap.source_port,
                   .outer = {netlink::outer_family(tunnel.parameters.kind)}};
    if (netlink::is_gre(tunnel.parameters.kind)) {
        port.inner = {Inner::gre};
    } else {
        for (const Family family : carried_by(tunnel.parameters))
            port.inner.insert(family == Family::ipv4 ? Inner::ipv4 : Inner::ipv6);
    }
    return port;
}

std::vector<std::string_view> devices_of_module(std::string_view module) {
    if (module == "ipip") return {"tunl0"};
    if (module == "sit") return {"sit0"};
    if (module == "ip6_tunnel") return {"ip6tnl0"};
    if (module == "ip_gre") return {"gre0", "gretap0", "erspan0"};
    if (module == "ip6_gre") return {"ip6gre0", "ip6tnl0"};
    return {};
}

std::set<Family> families(const std::vector<Prefix>& prefixes) {
    std::set<Family> result;
    for (const Prefix& prefix : prefixes) result.insert(prefix.address.family());
    return result;
}

Receivers::Receivers(const Desired& desired) : Receivers(desired.by_kernel, desired.config) {}

Receivers::Receivers(const Config& config) : Receivers(config.receive, config) {}

Receivers::Receivers(const std::vector<Receive>& receive, const Config& config) : vips_(families(config.vips)) {
    for (const Receive& one : receive) std::visit([this](const auto& kind) { add(kind); }, one);
    for (const PointToPoint& tunnel : config.tunnels) add(tunnel);
}

void Receivers::add(const IpTunnel& tunnel) {
    for (const Family outer : tunnel.outer)
        for (const Family inner : tunnel.inner) {
            const Inner next = tunnel.encap == common::EncapKind::gre ? Inner::gre
                               : inner == Family::ipv4                ? Inner::ipv4
                                                                      : Inner::ipv6;
            const FallbackDevice device = fallback_device(outer, next);
            add(device.name, device.module, {inner});
        }
}

void Receivers::add(const UdpTunnel& tunnel) {
    modules_.insert("fou");
    for (const Family outer : tunnel.outer)
        for (const Inner inner : tunnel.inner) {
            const std::set<Family> carried = inner == Inner::gre    ? vips_
                                             : inner == Inner::ipv4 ? std::set{Family::ipv4}
                                                                    : std::set{Family::ipv6};
            const FallbackDevice device = fallback_device(outer, inner);
            add(device.name, device.module, carried);
        }
}

void Receivers::add(const GeneveTunnel& tunnel) { add(geneve_device(tunnel.port), "geneve", tunnel.inner); }

void Receivers::add(const PointToPoint& tunnel) {
    const netlink::TunnelKind kind = tunnel.parameters.kind;
    std::set<Family> carried;
    std::ranges::set_intersection(carried_by(tunnel.parameters), vips_, std::inserter(carried, carried.end()));
    add(tunnel.name, netlink::module_of(kind), carried);
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
