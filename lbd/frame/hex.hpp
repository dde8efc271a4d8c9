// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::lbd {

/// Two digits per byte.
[[nodiscard]] std::string to_hex(std::span<const std::uint8_t> bytes);
/// Nothing if the text is not pairs of hexadecimal digits.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> from_hex(std::string_view text);

}  // namespace culvert::lbd
