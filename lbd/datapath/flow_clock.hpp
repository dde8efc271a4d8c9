// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "bpf/abi.h"

namespace culvert::lbd {

/// The coarse time of flow table entries: units of 2^shift jiffies, in LB_FLOW_TIME_BITS bits, so it wraps.
class FlowClock {
  public:
    /// A unit is at least a second, and long enough for `idle` to be told apart from times just ahead: no longer than a
    /// quarter of what the bits count.
    FlowClock(std::uint32_t hz, std::chrono::milliseconds idle);

    [[nodiscard]] std::uint32_t shift() const { return shift_; }
    [[nodiscard]] std::uint16_t time(std::uint64_t jiffies) const;
    /// An entry was last used at `then`: is that longer ago than the idle time?
    [[nodiscard]] bool is_idle(std::uint16_t then, std::uint16_t now) const;

  private:
    std::uint32_t shift_ = 0;
    std::uint16_t idle_ = 0;  // units
};

/// The kernel's HZ, jiffies a second.
[[nodiscard]] std::uint32_t kernel_hz();

}  // namespace culvert::lbd
