// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "netlink/tunnel.hpp"
#include "realserver/model/config.hpp"

/// The fallback devices.
namespace culvert::realserver {

/// The device that a tunnel module makes in every network namespace. It receives from any sender the packets that no
/// other device of its kind receives.
struct FallbackDevice {
    using Protocols = std::array<std::uint8_t, 3>;
    using Kinds = std::array<std::optional<netlink::TunnelKind>, 2>;

    std::string_view name;
    std::string_view module;
    Family outer;
    Protocols protocols;  ///< that it receives directly over IP, whatever the configuration asks for; 0: unused
    netlink::TunnelKind kind;
    /// The kernel tries this kind before `kind` (tunnel4_rcv, tunnel6_rcv: net/ipv4/ip_vti.c and net/ipv6/ip6_vti.c
    /// register with the lower priority), and it drops packets that did not arrive by IPsec.
    std::optional<netlink::TunnelKind> of_ipsec{};
    Kinds beside{};  ///< other kinds that receive the same protocols
};

inline constexpr std::array fallback_devices{
    FallbackDevice{"tunl0", "ipip", Family::ipv4, {IPPROTO_IPIP}, netlink::TunnelKind::ipip, netlink::TunnelKind::vti},
    FallbackDevice{"sit0", "sit", Family::ipv4, {IPPROTO_IPV6}, netlink::TunnelKind::sit},
    FallbackDevice{"gre0",
                   "ip_gre",
                   Family::ipv4,
                   {IPPROTO_GRE},
                   netlink::TunnelKind::gre,
                   {},
                   {netlink::TunnelKind::gretap, netlink::TunnelKind::erspan}},
    FallbackDevice{"ip6tnl0",
                   "ip6_tunnel",
                   Family::ipv6,
                   {IPPROTO_IPIP, IPPROTO_IPV6, IPPROTO_MPLS},
                   netlink::TunnelKind::ip6tnl,
                   netlink::TunnelKind::vti6},
    FallbackDevice{"ip6gre0",
                   "ip6_gre",
                   Family::ipv6,
                   {IPPROTO_GRE},
                   netlink::TunnelKind::ip6gre,
                   {},
                   {netlink::TunnelKind::ip6gretap, netlink::TunnelKind::ip6erspan}},
};

/// The device that receives an IP protocol, directly over IP or in UDP.
[[nodiscard]] const FallbackDevice& fallback_device(Family outer, std::uint8_t protocol);

/// The devices that appear when a module is loaded, including those of modules that it loads, too.
[[nodiscard]] std::vector<std::string_view> devices_of_module(std::string_view module);

}  // namespace culvert::realserver
