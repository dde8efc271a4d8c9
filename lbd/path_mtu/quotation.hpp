// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "netlink/address.hpp"

namespace culvert::lbd {

/// What an ICMP error says of a packet that was too long for the next link: that link's MTU, and the packet's headers
/// as far as it quotes them. All of it is what a stranger claims.
struct Quotation {
    netlink::IpAddress router;  ///< who says so
    std::uint32_t mtu = 0;      ///< bytes of IP packet; 0: it doesn't say (routers older than RFC 1191)

    netlink::IpAddress source;  ///< of the quoted packet, as all below
    netlink::IpAddress destination;
    std::uint8_t protocol = 0;          ///< IANA number; of IPv6 what follows the fixed header
    std::uint32_t length = 0;           ///< bytes, with the IP header
    std::uint16_t identification = 0;   ///< IPv4
    bool may_be_fragmented = false;     ///< IPv4: it doesn't say "don't fragment", or is a fragment
    std::uint32_t flow_label = 0;       ///< IPv6
    std::vector<std::uint8_t> payload;  ///< behind the IP header, as far as it is quoted; at most some 200 bytes

    bool operator==(const Quotation&) const = default;
};

/// From an IPv4 packet. Nothing if it is not "fragmentation needed" (RFC 792, RFC 1191 section 4), is damaged, or
/// quotes less than RFC 792 asks for: an IP header, here one without options, and 8 bytes.
[[nodiscard]] std::optional<Quotation> read_quotation4(std::span<const std::uint8_t> packet);

/// From an ICMPv6 message, whose checksum the kernel has verified, and its sender. Nothing if it is not "packet too
/// big" (RFC 4443, section 3.2) or ends within the quoted IPv6 header.
[[nodiscard]] std::optional<Quotation> read_quotation6(std::span<const std::uint8_t> message,
                                                       const netlink::IpAddress& router);

}  // namespace culvert::lbd
