// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace culvert::common {

/// What may have been meant by a word that is none of `known`: the nearest one by insertions, deletions, replacements
/// and transpositions of letters, case apart; nothing if none is near (one edit per three letters).
[[nodiscard]] std::optional<std::string_view> suggest(std::string_view word,
                                                      const std::vector<std::string_view>& known);

}  // namespace culvert::common
