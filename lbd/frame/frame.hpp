// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lbd/model/config.hpp"

/// Ethernet frames as `explain` and `capture` talk about them. Ports in host order.
namespace culvert::lbd {

using Bytes = std::vector<std::uint8_t>;

/// What the outermost headers say.
struct Headers {
    std::vector<std::uint16_t> vlans;  ///< ids, the outer one first
    std::size_t ip_offset = 0;         ///< bytes
    IpAddress source;
    IpAddress destination;
    std::uint8_t protocol = 0;  ///< IANA number, behind IPv6 extension headers
    bool has_ports = false;     ///< TCP, UDP or SCTP, and no later fragment
    bool is_fragment = false;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t tcp_flags = 0;  ///< the byte of RFC 9293, section 3.1
    bool operator==(const Headers&) const = default;

    /// "198.51.100.9:40000 > 192.0.2.1:80 tcp syn", "[2001:db8:9::9]:5 > [2001:db8::1]:53 udp fragment"
    [[nodiscard]] std::string to_string() const;
};

/// Ids of its VLAN tags, the outer one first.
[[nodiscard]] std::vector<std::uint16_t> vlans_of(std::span<const std::uint8_t> frame);

/// Nothing if it is no IP packet in an Ethernet frame, or too short for its headers.
[[nodiscard]] std::optional<Headers> decode(std::span<const std::uint8_t> frame);

/// A packet to be asked about.
struct Question {
    IpAddress source;
    IpAddress destination;      ///< of the same family
    std::uint8_t protocol = 0;  ///< TCP, UDP, SCTP; or ICMP's or ICMPv6's: an echo request
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t tcp_flags = 0;
    std::size_t length = 0;  ///< of the IP packet, bytes; at least what its headers take
    bool operator==(const Question&) const = default;
};

/// With correct checksums, zeros as payload, from and to no MAC address in particular.
[[nodiscard]] Bytes encode(const Question& question);

/// "syn,ack" to bits and back; nothing for an unknown word.
[[nodiscard]] std::optional<std::uint8_t> parse_tcp_flags(std::string_view words);
[[nodiscard]] std::string tcp_flag_names(std::uint8_t flags);

}  // namespace culvert::lbd
