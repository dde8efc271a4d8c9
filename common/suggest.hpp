// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace culvert::common {

/// The word of `known` that was probably meant: the nearest by insertions, deletions, replacements and transpositions
/// of letters, ignoring case; nothing if none is near (one edit per three letters).
[[nodiscard]] std::optional<std::string_view> suggest(std::string_view word,
                                                      const std::vector<std::string_view>& known);

}  // namespace culvert::common
