// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "bpf/abi.h"

namespace culvert::lbd {

/// The coarse time of flow table entries: units of 2^shift jiffies, 4 to 8 s, in LB_FLOW_TIME_BITS bits, so it wraps.
/// The unit depends on the kernel alone, so entries stay valid when the configuration changes.
class FlowClock {
  public:
    explicit FlowClock(std::uint32_t hz);

    [[nodiscard]] std::uint32_t shift() const { return shift_; }
    [[nodiscard]] std::uint16_t time(std::uint64_t jiffies) const;
    /// Likewise in 16 bits, as slots in transition store it.
    [[nodiscard]] std::uint16_t long_time(std::uint64_t jiffies) const;
    /// The number of units that last at least this long. `duration` must not exceed longest_idle, a little less than
    /// half the range, so that past times can be told from times just ahead.
    [[nodiscard]] std::uint16_t units(std::chrono::milliseconds duration) const;
    /// How long so many units last, rounded up to a second.
    [[nodiscard]] std::chrono::seconds duration(std::uint16_t units) const;
    /// The number of whole units in a duration.
    [[nodiscard]] std::uint16_t whole_units(std::chrono::seconds duration) const;
    /// Units since an entry was last used; 0 if it was used after the clock was read.
    [[nodiscard]] static std::uint16_t age(std::uint16_t then, std::uint16_t now);
    /// Whether an entry that was last used at `then` has been idle for more than `idle` units.
    [[nodiscard]] static bool is_idle(std::uint16_t then, std::uint16_t now, std::uint16_t idle);

  private:
    std::uint32_t hz_;
    std::uint32_t shift_;
};

/// The kernel's HZ: jiffies per second.
[[nodiscard]] std::uint32_t kernel_hz();

}  // namespace culvert::lbd
