// SPDX-License-Identifier: Apache-2.0
#include "common/suggest.hpp"

#include <algorithm>
#include <string>

namespace culvert::common {
namespace {

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

/// Optimal string alignment: edit distance where swapping two neighbours counts one.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    }
    return cost[a.size()][b.size()];
}

}  // namespace

std::optional<std::string_view> suggest(std::string_view word, const std::vector<std::string_view>& known) {
    constexpr std::size_t longest = 64;  // longer than any name that we know; bounds the work
    if (word.size() > longest) return std::nullopt;
    const std::string wanted = lower(word);
    std::optional<std::string_view> nearest;
    std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
    for (const std::string_view candidate : known) {
        const std::size_t edits = distance(wanted, lower(candidate));
        if (edits < best && edits < candidate.size()) {
            best = edits;
            nearest = candidate;
        }
    }
    return nearest;
}

}  // namespace culvert::common
