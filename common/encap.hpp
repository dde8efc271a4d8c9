// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "netlink/address.hpp"

namespace culvert::common {

/// The encapsulation: how a packet travels from the balancer to a backend.
enum class EncapKind : std::uint8_t {
    l2,      ///< unchanged, to the backend's MAC address
    ipip,    ///< IP in IP: RFC 2003, RFC 2473, RFC 4213 section 3
    gre,     ///< RFC 2784, without key, checksum and sequence number
    fou,     ///< IP or GRE directly in UDP (Linux: net/ipv4/fou_core.c)
    gue,     ///< Generic UDP Encapsulation, draft-ietf-intarea-gue
    geneve,  ///< RFC 8926
    l3dsr,   ///< destination rewritten to the backend; the DSCP stands for the VIP
};

inline constexpr std::array encap_kinds{EncapKind::l2,  EncapKind::ipip,   EncapKind::gre,  EncapKind::fou,
                                        EncapKind::gue, EncapKind::geneve, EncapKind::l3dsr};

/// As in the configuration, in the order of EncapKind.
inline constexpr std::array<std::string_view, encap_kinds.size()> encap_names{"l2",  "ipip",   "gre",  "fou",
                                                                              "gue", "geneve", "l3dsr"};

/// "ipip"
[[nodiscard]] constexpr std::string_view name(EncapKind kind) { return encap_names.at(static_cast<std::size_t>(kind)); }

/// RFC 8926 section 3.3. FOU and GUE have no default port: no port is in general use.
inline constexpr std::uint16_t geneve_port = 6081;

/// Destination of the Ethernet frames in Geneve, the same on every backend and for every VNI, so it needs no
/// configuration: unicast and locally administered (RFC 9542 section 2.1), then "CULVT". It never leaves a tunnel.
inline constexpr netlink::MacAddress geneve_mac{{0x02, 0x43, 0x55, 0x4c, 0x56, 0x54}};

/// RFC 8926 section 3.4: 24 bits.
inline constexpr std::uint32_t most_vni = 0xffffff;

/// The DSCPs that can mark a VIP: 6 bits (RFC 2474 section 3), without 0, the value of unmarked packets.
inline constexpr std::uint8_t least_dscp = 1;
inline constexpr std::uint8_t most_dscp = 63;

}  // namespace culvert::common
