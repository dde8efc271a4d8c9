// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace culvert::lbd {

/// Number of steps in which the weight grows during a slow start. Each step needs another Maglev table.
inline constexpr int ramp_steps = 10;

/// Percentage of the weight, `since` the backend came back.
[[nodiscard]] constexpr std::uint8_t ramp_percent(std::chrono::milliseconds since,
                                                  std::chrono::milliseconds slow_start) {
    if (since >= slow_start) return 100;
    const auto step = std::max<std::int64_t>(since.count() * ramp_steps / slow_start.count(), 1);
    return static_cast<std::uint8_t>(step * 100 / ramp_steps);
}

}  // namespace culvert::lbd
