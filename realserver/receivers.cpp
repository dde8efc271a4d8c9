// SPDX-License-Identifier: Apache-2.0
#include "realserver/receivers.hpp"

namespace culvert::realserver {

namespace {

constexpr FallbackDevice tunl0{"tunl0", "ipip"};
constexpr FallbackDevice sit0{"sit0", "sit"};
constexpr FallbackDevice ip6tnl0{"ip6tnl0", "ip6_tunnel"};
constexpr FallbackDevice gre0{"gre0", "ip_gre"};
constexpr FallbackDevice ip6gre0{"ip6gre0", "ip6_gre"};

}  // namespace

FallbackDevice fallback_device(Family outer, Inner inner) {
    if (outer == Family::ipv6) return inner == Inner::gre ? ip6gre0 : ip6tnl0;
    return inner == Inner::gre ? gre0 : inner == Inner::ipv4 ? tunl0 : sit0;
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

Receivers::Receivers(const Config& config) : vips_(families(config.vips)) {
    for (const Receive& receive : config.receive) std::visit([this](const auto& kind) { add(kind); }, receive);
}

void Receivers::add(const IpTunnel& tunnel) {
    for (const Family outer : tunnel.outer)
        for (const Family inner : tunnel.inner) {
            const Inner next = tunnel.encap == common::EncapKind::gre ? Inner::gre
                               : inner == Family::ipv4                ? Inner::ipv4
                                                                      : Inner::ipv6;
            add(fallback_device(outer, next), {inner});
        }
}

void Receivers::add(const UdpTunnel& tunnel) {
    modules_.insert("fou");
    for (const Family outer : tunnel.outer)
        for (const Inner inner : tunnel.inner) {
            const std::set<Family> carried = inner == Inner::gre    ? vips_
                                             : inner == Inner::ipv4 ? std::set{Family::ipv4}
                                                                    : std::set{Family::ipv6};
            add(fallback_device(outer, inner), carried);
        }
}

void Receivers::add(const FallbackDevice& device, const std::set<Family>& carried) {
    devices_[device.name].insert(carried.begin(), carried.end());
    modules_.insert(device.module);
}

bool Receivers::carries(std::string_view device, Family family) const {
    const auto found = devices_.find(device);
    return found != devices_.end() && found->second.contains(family);
}

}  // namespace culvert::realserver
