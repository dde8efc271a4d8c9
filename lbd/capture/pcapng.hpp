// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Blocks in the pcapng format (draft-ietf-opsawg-pcapng), in this machine's byte order, to be appended to a file.
namespace culvert::lbd::pcapng {

enum class Direction : std::uint8_t { inbound = 1, outbound = 2 };

/// A section header, and a description of each interface. Packets refer to interfaces by their index in the list. All
/// are Ethernet; times are in nanoseconds.
[[nodiscard]] std::string header(const std::vector<std::string>& interfaces, std::uint32_t snap_length);

struct Packet {
    std::uint32_t interface = 0;
    std::uint64_t time = 0;  ///< ns since 1970
    std::span<const std::uint8_t> bytes;
    std::uint32_t length = 0;  ///< length of the whole frame
    Direction direction = Direction::inbound;
    std::string_view comment;
};
[[nodiscard]] std::string packet(const Packet& packet);

}  // namespace culvert::lbd::pcapng
