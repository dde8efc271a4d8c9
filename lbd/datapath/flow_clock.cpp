// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/flow_clock.hpp"

#include <time.h>

#include <bit>

namespace culvert::lbd {
namespace {

constexpr std::uint16_t mask = (1U << LB_FLOW_TIME_BITS) - 1;

}  // namespace

FlowClock::FlowClock(std::uint32_t hz) : hz_(hz), shift_(static_cast<std::uint32_t>(std::bit_width(4 * hz - 1))) {}

std::uint16_t FlowClock::time(std::uint64_t jiffies) const {
    return static_cast<std::uint16_t>(jiffies >> shift_ & mask);
}

std::uint16_t FlowClock::long_time(std::uint64_t jiffies) const {
    return static_cast<std::uint16_t>(jiffies >> shift_);
}

std::uint16_t FlowClock::units(std::chrono::milliseconds duration) const {
    return static_cast<std::uint16_t>((static_cast<std::uint64_t>(duration.count()) * hz_ / 1000 >> shift_) + 1);
}

std::chrono::seconds FlowClock::duration(std::uint16_t units) const {
    return std::chrono::seconds(((std::uint64_t{units} << shift_) + hz_ - 1) / hz_);
}

std::uint16_t FlowClock::whole_units(std::chrono::seconds duration) const {
    return static_cast<std::uint16_t>(static_cast<std::uint64_t>(duration.count()) * hz_ >> shift_);
}

std::uint16_t FlowClock::age(std::uint16_t then, std::uint16_t now) {
    const auto age = static_cast<std::uint16_t>((now - then) & mask);
    return age <= mask / 2 ? age : 0;
}

bool FlowClock::is_idle(std::uint16_t then, std::uint16_t now, std::uint16_t idle) { return age(then, now) > idle; }

std::uint32_t kernel_hz() {
    // The coarse clocks advance once per jiffy, so their resolution is one jiffy (kernel/time/posix-timers.c).
    timespec resolution{};
    ::clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
    constexpr long second = 1'000'000'000;
    return static_cast<std::uint32_t>((second + resolution.tv_nsec / 2) / resolution.tv_nsec);
}

}  // namespace culvert::lbd
