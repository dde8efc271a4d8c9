// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/flow_clock.hpp"

#include <gtest/gtest.h>
#include <time.h>

#include <array>

#include "lbd/model/config.hpp"

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;

constexpr std::array hzs{100U, 250U, 300U, 1000U};

TEST(FlowClock, AUnitIsFourToEightSeconds) {
    for (const std::uint32_t hz : hzs) {
        EXPECT_GE(1U << FlowClock(hz).shift(), 4 * hz);
        EXPECT_LT(1U << FlowClock(hz).shift(), 8 * hz);
    }
}

TEST(FlowClock, TheLongestIdleTimeIsToldApartFromTimesAhead) {
    for (const std::uint32_t hz : hzs) {
        const FlowClock clock(hz);
        const std::uint64_t longest = 2ULL * 3600 * hz;
        const auto idle = clock.units(longest_idle);
        EXPECT_FALSE(FlowClock::is_idle(clock.time(0), clock.time(longest), idle));
        EXPECT_TRUE(FlowClock::is_idle(clock.time(0), clock.time(longest + 60 * hz), idle));
    }
}

TEST(FlowClock, IdleForAtLeastTheTimeAndAtMostTwoUnitsMore) {
    const FlowClock clock(1000);
    const auto idle = clock.units(10s);
    for (std::uint64_t used = 0; used < 4096 * 5000; used += 4093) {
        EXPECT_FALSE(FlowClock::is_idle(clock.time(used), clock.time(used + 10'000), idle)) << used;
        EXPECT_TRUE(FlowClock::is_idle(clock.time(used), clock.time(used + 10'000 + 2 * 4096 + 1), idle)) << used;
    }
}

TEST(FlowClock, UsedAfterTheClockWasReadIsNotIdle) {
    EXPECT_FALSE(FlowClock::is_idle(5, 4, 10));
    EXPECT_FALSE(FlowClock::is_idle(0, (1U << LB_FLOW_TIME_BITS) - 1, 10));
}

TEST(FlowClock, HzIsOneThatKernelsAreBuiltWith) {
    const auto hz = kernel_hz();
    EXPECT_TRUE(hz == 100 || hz == 250 || hz == 300 || hz == 1000) << hz;
}

}  // namespace
}  // namespace culvert::lbd
