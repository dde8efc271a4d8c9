// SPDX-License-Identifier: Apache-2.0
#include "common/dscp.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace culvert::common {

namespace {

// RFC 2474, 2597, 3246, 5865, 8622
constexpr auto dscp_names = std::to_array<std::pair<std::string_view, std::uint8_t>>({
    {"CS0", 0},   {"DF", 0},    {"LE", 1},    {"CS1", 8},  {"AF11", 10}, {"AF12", 12}, {"AF13", 14}, {"CS2", 16},
    {"AF21", 18}, {"AF22", 20}, {"AF23", 22}, {"CS3", 24}, {"AF31", 26}, {"AF32", 28}, {"AF33", 30}, {"CS4", 32},
    {"AF41", 34}, {"AF42", 36}, {"AF43", 38}, {"CS5", 40}, {"VA", 44},   {"EF", 46},   {"CS6", 48},  {"CS7", 56},
});

bool is_same_letter(char one, char other) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return lower(one) == lower(other);
}

}  // namespace

std::optional<std::uint8_t> dscp_of_name(std::string_view name) {
    for (const auto& [known, dscp] : dscp_names)
        if (std::ranges::equal(known, name, is_same_letter)) return dscp;
    return std::nullopt;
}

}  // namespace culvert::common
