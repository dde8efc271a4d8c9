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

/// Ethernet frames for `explain` and `capture`. Ports are in host order.
namespace culvert::lbd {

using Bytes = std::vector<std::uint8_t>;

/// The fields of the outermost headers.
struct Headers {
    std::vector<std::uint16_t> vlans;  ///< ids, the outer one first
    std::size_t ip_offset = 0;         ///< bytes
    IpAddress source;
    IpAddress destination;
    std::uint8_t protocol = 0;  ///< IANA number, of the header behind IPv6 extension headers
    bool has_ports = false;     ///< TCP, UDP or SCTP, and not a later fragment
    bool is_fragment = false;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t tcp_flags = 0;  ///< the byte of RFC 9293, section 3.1
    bool operator==(const Headers&) const = default;

    /// "198.51.100.9:40000 > 192.0.2.1:80 tcp syn", "[2001:db8:9::9]:5 > [2001:db8::1]:53 udp fragment"
    [[nodiscard]] std::string to_string() const;
};

/// Ids of the VLAN tags, the outer one first.
[[nodiscard]] std::vector<std::uint16_t> vlans_of(std::span<const std::uint8_t> frame);

/// Nothing if it is not an IP packet in an Ethernet frame, or is too short for its headers.
[[nodiscard]] std::optional<Headers> decode(std::span<const std::uint8_t> frame);

/// A packet that the command line describes.
struct Question {
    IpAddress source;
    IpAddress destination;      ///< of the same family
    std::uint8_t protocol = 0;  ///< TCP, UDP or SCTP; ICMP or ICMPv6 stands for an echo request
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t tcp_flags = 0;
    std::size_t length = 0;  ///< length of the IP packet, bytes; at least its headers
    bool operator==(const Question&) const = default;
};

/// A frame with correct checksums, zeros as payload, and zero MAC addresses.
[[nodiscard]] Bytes encode(const Question& question);

/// Converts "syn,ack" to bits and back; nothing for an unknown word.
[[nodiscard]] std::optional<std::uint8_t> parse_tcp_flags(std::string_view words);
[[nodiscard]] std::string tcp_flag_names(std::uint8_t flags);

}  // namespace culvert::lbd
