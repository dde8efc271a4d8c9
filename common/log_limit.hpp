// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/token_bucket.hpp"

namespace culvert::common {

/// Keeps lines apart that somebody else, or a thousand backends at once, can multiply: of each kind twenty at once and
/// six a minute are written. The others are counted, and the last of them is kept, as it says how things are now.
class LogLimit {
  public:
    using Clock = TokenBucket::Clock;

    /// Whether the line is to be written.
    [[nodiscard]] bool admit(const std::string& kind, std::string_view line, Clock::time_point now);

    struct Unsaid {
        std::string kind;
        std::size_t lines = 0;
        std::string last;

        bool operator==(const Unsaid&) const = default;
    };
    /// What has not been written since this was last asked.
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
