// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/flow_clock.hpp"

#include <time.h>

namespace culvert::lbd {
namespace {

constexpr std::uint16_t mask = (1U << LB_FLOW_TIME_BITS) - 1;
constexpr std::uint64_t longest_idle = mask / 4;  // units

}  // namespace

FlowClock::FlowClock(std::uint32_t hz, std::chrono::milliseconds idle) {
    const std::uint64_t jiffies = static_cast<std::uint64_t>(idle.count()) * hz / 1000;
    while ((1ULL << shift_) < hz || jiffies >> shift_ >= longest_idle) ++shift_;
    idle_ = static_cast<std::uint16_t>((jiffies >> shift_) + 1);
}

std::uint16_t FlowClock::time(std::uint64_t jiffies) const {
    return static_cast<std::uint16_t>(jiffies >> shift_ & mask);
}

bool FlowClock::is_idle(std::uint16_t then, std::uint16_t now) const {
    const auto age = static_cast<std::uint16_t>((now - then) & mask);
    // An entry may have been used after the clock was read.
    return age > idle_ && age <= mask / 2;
}

std::uint32_t kernel_hz() {
    // The coarse clocks tick with the kernel: their resolution is one jiffy (kernel/time/posix-timers.c).
    timespec resolution{};
    ::clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
    constexpr long second = 1'000'000'000;
    return static_cast<std::uint32_t>((second + resolution.tv_nsec / 2) / resolution.tv_nsec);
}

}  // namespace culvert::lbd
