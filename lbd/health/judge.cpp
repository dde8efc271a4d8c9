// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/judge.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace culvert::lbd {

std::uint32_t Judge::needed(Time now) const {
    const auto recent = std::ranges::count_if(falls_, [&](Time fall) { return now - fall < flap_window; });
    const auto doublings =
        std::min<std::uint32_t>(recent > 1 ? static_cast<std::uint32_t>(recent - 1) : 0, std::bit_width(most_rise) - 1);
    return std::uint32_t{rise_} << doublings;
}

bool Judge::hear(bool answered, Time now) {
    const Condition says = answered ? Condition::up : Condition::down;
    const bool alone = std::exchange(decides_alone_, false);
    if (says == condition_) {
        in_a_row_ = 0;
        return false;
    }
    ++in_a_row_;
    const std::uint32_t enough = alone ? 1 : answered ? needed(now) : fall_;
    if (in_a_row_ < enough) return false;
    in_a_row_ = 0;
    if (condition_ == Condition::up) {
        falls_.push_back(now);
        if (falls_.size() > std::bit_width(most_rise)) falls_.pop_front();
    }
    condition_ = says;
    return true;
}

}  // namespace culvert::lbd
