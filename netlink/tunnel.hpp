// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "netlink/address.hpp"
#include "netlink/attributes.hpp"
#include "netlink/message.hpp"

namespace culvert::netlink {

/// The kinds of device of the kernel's IP tunnels. Those from erspan on are only read: encode() does not know them.
enum class TunnelKind : std::uint8_t {
    ipip,
    sit,
    ip6tnl,
    gre,
    gretap,
    ip6gre,
    ip6gretap,
    erspan,
    ip6erspan,
    vti,
    vti6,
};

/// As in IFLA_INFO_KIND: "ipip", "sit", "ip6tnl", …
[[nodiscard]] std::string_view name(TunnelKind kind);
[[nodiscard]] std::optional<TunnelKind> tunnel_kind(std::string_view name);
[[nodiscard]] bool is_gre(TunnelKind kind);
/// The kernel module that has the kind: "ip_gre".
[[nodiscard]] std::string_view module_of(TunnelKind kind);
/// The family of the outer header.
[[nodiscard]] Family outer_family(TunnelKind kind);

/// TUNNEL_ENCAP_* of linux/if_tunnel.h
enum class EncapType : std::uint16_t { none = 0, fou = 1, gue = 2 };

/// UDP in front of what a tunnel device sends. What it receives is a matter of FouPorts.
struct Encap {
    EncapType type = EncapType::none;
    std::uint16_t source_port = 0;       ///< host order; 0: chosen by the inner flow
    std::uint16_t destination_port = 0;  ///< host order
    bool checksum = false;               ///< outer UDP checksum over IPv4
    bool checksum6 = false;              ///< outer UDP checksum over IPv6
    bool remote_checksum = false;        ///< remote checksum offload (GUE)

    bool operator==(const Encap&) const = default;
};

/// What a tunnel lets in and out, as the IP protocol number. GRE carries anything, so this is not for its kinds.
enum class TunnelInner : std::uint8_t { any = 0, ipv4 = 4, ipv6 = 41, mpls = 137 };

/// Parameters of a device of one of these kinds.
struct Tunnel {
    TunnelKind kind = TunnelKind::ipip;
    std::optional<IpAddress> local;   ///< of the outer family; none: any
    std::optional<IpAddress> remote;  ///< of the outer family; none: any
    std::uint32_t link = 0;           ///< index of the device it is bound to; 0: none
    std::uint8_t ttl = 0;             ///< 0: the inner packet's (outer IPv4), the route's (outer IPv6)
    std::uint8_t tos = 0;             ///< 1: the inner packet's
    bool path_mtu_discovery = true;   ///< outer IPv4 only
    /// Tunnel encapsulation limit (RFC 2473 section 4.1.1), outer IPv6 only; none: the option is left out.
    std::optional<std::uint8_t> encap_limit;
    bool external = false;  ///< addresses come with each packet (collect metadata), not from here
    TunnelInner inner = TunnelInner::any;
    std::optional<std::uint32_t> input_key;   ///< GRE kinds: the key that is accepted; of a vti the mark
    std::optional<std::uint32_t> output_key;  ///< GRE kinds: the key that is sent
    Encap encap;

    bool operator==(const Tunnel&) const = default;
};

/// Writes the attributes of IFLA_INFO_DATA; of the kinds up to ip6gretap.
void encode(Message& data, const Tunnel& tunnel);
/// Reads those of IFLA_INFO_DATA.
[[nodiscard]] Tunnel decode_tunnel(TunnelKind kind, const Attributes& data);

}  // namespace culvert::netlink
