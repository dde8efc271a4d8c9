// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "realserver/model/config.hpp"

/// What stands behind the UDP header of each encapsulation: followed inwards by trace, and judged by the guard.
namespace culvert::realserver {

/// What a header says about what is behind it.
struct Next {
    enum class Kind : std::uint8_t {
        unknown,    ///< nothing that is known
        ip,         ///< IP; its version says which
        protocol,   ///< `value` is an IP protocol
        ethertype,  ///< `value` is an EtherType
    };
    std::string tunnel;  ///< "gue 5080"; empty: the header is not whole
    Kind kind = Kind::unknown;
    std::uint16_t value = 0;
    std::size_t length = 0;  ///< of the header
};

/// Bytes of a packet, from `offset` behind its IP headers.
struct Pattern {
    std::uint32_t offset = 0;
    std::vector<std::uint8_t> mask;  ///< empty: all bits count
    std::vector<std::uint8_t> value;
};

/// All of them must fit; none: any packet does.
using Shape = std::vector<Pattern>;

/// All that a UDP port is to take.
struct PortContent {
    std::set<Inner> inner;
    std::set<std::uint32_t> vnis;
    bool any_gre = false;  ///< with keys and Ethernet frames, too: its device judges it
};

/// GRE with IP in it, without options: RFC 2784 section 2.
[[nodiscard]] Pattern gre_with(Family inner, std::uint32_t offset);

// Of each encapsulation in UDP: what is behind the header that `bytes` begin with, and the shapes of its packets.
[[nodiscard]] Next behind_fou(const TunnelEnd& end, std::span<const std::uint8_t> bytes);
[[nodiscard]] Next behind_gue(const TunnelEnd& end, std::span<const std::uint8_t> bytes);
[[nodiscard]] Next behind_geneve(const TunnelEnd& end, std::span<const std::uint8_t> bytes);
[[nodiscard]] std::vector<Shape> shapes_of_fou(const PortContent& content);
[[nodiscard]] std::vector<Shape> shapes_of_gue(const PortContent& content);
[[nodiscard]] std::vector<Shape> shapes_of_geneve(const PortContent& content);

}  // namespace culvert::realserver
