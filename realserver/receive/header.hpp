// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "realserver/model/config.hpp"

/// The headers behind UDP, for each encapsulation: trace follows them inwards, and the guard checks them.
namespace culvert::realserver {

/// What a header tells about the data behind it.
struct Next {
    enum class Kind : std::uint8_t {
        unknown,    ///< unknown data
        ip,         ///< an IP packet, whose version tells the family
        protocol,   ///< `value` is an IP protocol
        ethertype,  ///< `value` is an EtherType
    };
    std::string tunnel;  ///< "gue 5080"; empty: the header is cut off
    Kind kind = Kind::unknown;
    std::uint16_t value = 0;
    std::size_t length = 0;  ///< bytes of the header
};

/// Bytes of a packet, from `offset` behind the IP headers.
struct Pattern {
    std::uint32_t offset = 0;
    std::vector<std::uint8_t> mask;  ///< empty: all bits are compared
    std::vector<std::uint8_t> value;
};

/// A packet must match all patterns; an empty shape matches any packet.
using Shape = std::vector<Pattern>;

/// Everything that a UDP port should accept.
struct PortContent {
    std::set<Inner> inner;
    std::set<std::uint32_t> vnis;
    bool any_gre = false;  ///< also with keys and Ethernet frames: the device checks it
};

/// GRE with an IP packet, without options: RFC 2784 section 2.
[[nodiscard]] Pattern gre_with(Family inner, std::uint32_t offset);

// For each encapsulation in UDP: what follows the header at the start of `bytes`, and the shapes of its packets.
[[nodiscard]] Next behind_fou(const TunnelEnd& end, std::span<const std::uint8_t> bytes);
[[nodiscard]] Next behind_gue(const TunnelEnd& end, std::span<const std::uint8_t> bytes);
[[nodiscard]] Next behind_geneve(const TunnelEnd& end, std::span<const std::uint8_t> bytes);
[[nodiscard]] std::vector<Shape> shapes_of_fou(const PortContent& content);
[[nodiscard]] std::vector<Shape> shapes_of_gue(const PortContent& content);
[[nodiscard]] std::vector<Shape> shapes_of_geneve(const PortContent& content);

}  // namespace culvert::realserver
