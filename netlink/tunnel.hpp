// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "netlink/address.hpp"
#include "netlink/attributes.hpp"
#include "netlink/message.hpp"

namespace culvert::netlink {

/// Kinds of the kernel's IP tunnel devices. Those from erspan on can only be read: encode() doesn't support them.
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
/// The kernel module that provides the kind: "ip_gre".
[[nodiscard]] std::string_view module_of(TunnelKind kind);
/// The family of the outer header.
[[nodiscard]] Family outer_family(TunnelKind kind);

/// TUNNEL_ENCAP_* of linux/if_tunnel.h
enum class EncapType : std::uint16_t { none = 0, fou = 1, gue = 2 };

/// The UDP header that a tunnel device puts in front of its packets. Receiving is configured by FouPorts.
struct Encap {
    EncapType type = EncapType::none;
    std::uint16_t source_port = 0;       ///< host order; 0: derived from the inner flow
    std::uint16_t destination_port = 0;  ///< host order
    bool checksum = false;               ///< outer UDP checksum over IPv4
    bool checksum6 = false;              ///< outer UDP checksum over IPv6
    bool remote_checksum = false;        ///< remote checksum offload (GUE)

    bool operator==(const Encap&) const = default;
};

/// The inner protocol of a tunnel, both ways, as the IP protocol number. Not for GRE kinds, which carry anything.
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
    /// Tunnel encapsulation limit (RFC 2473 section 4.1.1), outer IPv6 only; none: no such option.
    std::optional<std::uint8_t> encap_limit;
    bool external = false;  ///< each packet brings its own addresses (collect metadata)
    TunnelInner inner = TunnelInner::any;
    std::optional<std::uint32_t> input_key;   ///< GRE kinds: the accepted key; vti: the mark
    std::optional<std::uint32_t> output_key;  ///< GRE kinds: the key to send
    Encap encap;

    bool operator==(const Tunnel&) const = default;
};

/// Writes the attributes of IFLA_INFO_DATA, for the kinds up to ip6gretap.
void encode(Message& data, const Tunnel& tunnel);
/// Reads the attributes of IFLA_INFO_DATA.
[[nodiscard]] Tunnel decode_tunnel(TunnelKind kind, const Attributes& data);

}  // namespace culvert::netlink
