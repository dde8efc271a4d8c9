// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/token_bucket.hpp"

namespace culvert::common {

/// Limits lines that a stranger, or a thousand backends at once, can multiply: twenty lines of a kind at once and six a
/// minute pass. The others are counted. The last of them is kept, as it shows the present state.
class LogLimit {
  public:
    using Clock = TokenBucket::Clock;

    /// Whether to write the line.
    [[nodiscard]] bool admit(const std::string& kind, std::string_view line, Clock::time_point now);

    struct Unsaid {
        std::string kind;
        std::size_t lines = 0;
        std::string last;

        bool operator==(const Unsaid&) const = default;
    };
    /// The suppressed lines since the last call.
    [[nodiscard]] std::vector<Unsaid> take_unsaid();

  private:
    static constexpr double at_once = 20;
    static constexpr double a_second = 0.1;

    struct Kind {
        TokenBucket bucket{at_once, a_second};
        std::size_t unsaid = 0;
        std::string last;
    };
    std::map<std::string, Kind> kinds_;
};

}  // namespace culvert::common
