// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "netlink/address.hpp"
#include "netlink/attributes.hpp"
#include "netlink/message.hpp"

namespace culvert::netlink {

/// Parameters of a geneve device (RFC 8926). A device with a remote receives from that address only. An `external`
/// device receives from any address and with any VNI.
struct Geneve {
    std::uint32_t vni = 0;            ///< 24 bits; not for `external`
    std::optional<IpAddress> remote;  ///< not for `external`
    std::uint16_t port = 6081;        ///< UDP, host order
    std::uint8_t ttl = 0;             ///< 0: the route's
    std::uint8_t tos = 0;             ///< 1: the inner packet's
    bool external = false;
    bool inner_proto_inherit = false;    ///< carries IP packets instead of Ethernet frames; since kernel 5.18
    bool checksum = false;               ///< sends an outer UDP checksum over IPv4
    bool zero_checksum6_send = false;    ///< sends none over IPv6
    bool zero_checksum6_accept = false;  ///< accepts none over IPv6

    bool operator==(const Geneve&) const = default;
};

/// As in IFLA_INFO_KIND. The module has the same name.
inline constexpr std::string_view geneve_kind = "geneve";

/// Writes the attributes of IFLA_INFO_DATA.
void encode(Message& data, const Geneve& geneve);
/// Reads the attributes of IFLA_INFO_DATA.
[[nodiscard]] Geneve decode_geneve(const Attributes& data);

}  // namespace culvert::netlink
