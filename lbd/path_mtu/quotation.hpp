// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "netlink/address.hpp"

namespace culvert::lbd {

/// An ICMP error about a packet that was too long for the next link: the link's MTU, and the quoted headers of the
/// packet. None of it is proven: anybody may have sent it.
struct Quotation {
    netlink::IpAddress router;  ///< sender of the report
    std::uint32_t mtu = 0;      ///< bytes of the IP packet; 0: not given, by routers older than RFC 1191

    netlink::IpAddress source;  ///< of the quoted packet, as are all fields below
    netlink::IpAddress destination;
    std::uint8_t protocol = 0;          ///< IANA number; for IPv6, the header after the fixed one
    std::uint32_t length = 0;           ///< bytes, including the IP header
    std::uint16_t identification = 0;   ///< IPv4
    bool may_be_fragmented = false;     ///< IPv4: "don't fragment" is not set, or it is a fragment
    std::uint32_t flow_label = 0;       ///< IPv6
    std::vector<std::uint8_t> payload;  ///< the quoted bytes behind the IP header, at most some 200

    bool operator==(const Quotation&) const = default;
};

/// Reads an IPv4 packet. Nothing if it is not "fragmentation needed" (RFC 792, RFC 1191 section 4), is damaged, or
/// quotes less than an IP header (here without options) and 8 bytes, as RFC 792 requires.
[[nodiscard]] std::optional<Quotation> read_quotation4(std::span<const std::uint8_t> packet);

/// Reads an ICMPv6 message, whose checksum the kernel has verified. Nothing if it is not "packet too big" (RFC 4443,
/// section 3.2), or ends within the quoted IPv6 header.
[[nodiscard]] std::optional<Quotation> read_quotation6(std::span<const std::uint8_t> message,
                                                       const netlink::IpAddress& router);

}  // namespace culvert::lbd
