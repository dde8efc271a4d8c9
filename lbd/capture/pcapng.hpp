// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// pcapng (draft-ietf-opsawg-pcapng) in this machine's byte order, as bytes to be appended to a file.
namespace culvert::lbd::pcapng {

enum class Direction : std::uint8_t { inbound = 1, outbound = 2 };

/// A section's header, and one of each interface, which packets name by their place in the list. Ethernet; times in
/// nanoseconds.
[[nodiscard]] std::string header(const std::vector<std::string>& interfaces, std::uint32_t snap_length);

struct Packet {
    std::uint32_t interface = 0;
    std::uint64_t time = 0;  ///< ns since 1970
    std::span<const std::uint8_t> bytes;
    std::uint32_t length = 0;  ///< of the whole frame
    Direction direction = Direction::inbound;
    std::string_view comment;
};
[[nodiscard]] std::string packet(const Packet& packet);

}  // namespace culvert::lbd::pcapng
