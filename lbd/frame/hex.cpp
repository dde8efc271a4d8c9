// SPDX-License-Identifier: Apache-2.0
#include "lbd/frame/hex.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

namespace culvert::lbd {

std::string to_hex(std::span<const std::uint8_t> bytes) { return fmt::format("{:02x}", fmt::join(bytes, "")); }

std::optional<std::vector<std::uint8_t>> from_hex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::vector<std::uint8_t> bytes(text.size() / 2);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const char* begin = text.data() + 2 * i;
        if (std::from_chars(begin, begin + 2, bytes[i], 16).ptr != begin + 2) return std::nullopt;
    }
    return bytes;
}

}  // namespace culvert::lbd
