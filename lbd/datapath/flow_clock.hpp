// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "bpf/abi.h"

namespace culvert::lbd {

/// The coarse time of flow table entries: units of 2^shift jiffies, in LB_FLOW_TIME_BITS bits, so it wraps. The unit
/// depends on the kernel alone, so that entries keep their meaning whatever is configured: 4 to 8 s.
class FlowClock {
  public:
    explicit FlowClock(std::uint32_t hz);

    [[nodiscard]] std::uint32_t shift() const { return shift_; }
    [[nodiscard]] std::uint16_t time(std::uint64_t jiffies) const;
    /// A number of units that takes at least this long. `duration` is at most longest_idle, a little less than half
    /// of what the bits count, so that it can be told apart from times just ahead.
    [[nodiscard]] std::uint16_t units(std::chrono::milliseconds duration) const;
    /// Units since an entry was last used; 0 if that was after the clock was read.
    [[nodiscard]] static std::uint16_t age(std::uint16_t then, std::uint16_t now);
    /// An entry was last used at `then`: is that more than `idle` units ago?
    [[nodiscard]] static bool is_idle(std::uint16_t then, std::uint16_t now, std::uint16_t idle);

  private:
    std::uint32_t hz_;
    std::uint32_t shift_;
};

/// The kernel's HZ, jiffies a second.
[[nodiscard]] std::uint32_t kernel_hz();

}  // namespace culvert::lbd
