// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/flow_clock.hpp"

#include <gtest/gtest.h>
#include <time.h>

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;

TEST(FlowClock, AUnitIsASecondOrLittleMore) {
    EXPECT_EQ(FlowClock(100, 120s).shift(), 7U);
    EXPECT_EQ(FlowClock(250, 120s).shift(), 8U);
    EXPECT_EQ(FlowClock(300, 120s).shift(), 9U);
    EXPECT_EQ(FlowClock(1000, 120s).shift(), 10U);
}

TEST(FlowClock, LongIdleTimesMakeLongUnits) {
    const FlowClock clock(250, 24h);
    const std::uint64_t day = 24ULL * 3600 * 250;
    EXPECT_LE(clock.time(day) - clock.time(0), 1023);
    EXPECT_FALSE(clock.is_idle(clock.time(0), clock.time(day)));
    EXPECT_TRUE(clock.is_idle(clock.time(0), clock.time(day + day / 100)));
}

TEST(FlowClock, IdleForAtLeastTheTimeAndAtMostTwoUnitsMore) {
    const FlowClock clock(1000, 10s);
    for (std::uint64_t used = 0; used < 1024 * 5000; used += 1021) {
        EXPECT_FALSE(clock.is_idle(clock.time(used), clock.time(used + 10'000))) << used;
        EXPECT_TRUE(clock.is_idle(clock.time(used), clock.time(used + 10'000 + 2 * 1024 + 1))) << used;
    }
}

TEST(FlowClock, UsedAfterTheClockWasReadIsNotIdle) {
    const FlowClock clock(1000, 10s);
    EXPECT_FALSE(clock.is_idle(5, 4));
    EXPECT_FALSE(clock.is_idle(0, (1U << LB_FLOW_TIME_BITS) - 1));
}

TEST(FlowClock, HzIsOneThatKernelsAreBuiltWith) {
    const auto hz = kernel_hz();
    EXPECT_TRUE(hz == 100 || hz == 250 || hz == 300 || hz == 1000) << hz;
}

}  // namespace
}  // namespace culvert::lbd
