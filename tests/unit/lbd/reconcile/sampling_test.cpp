// SPDX-License-Identifier: Apache-2.0
#include "lbd/reconcile/sampling.hpp"

#include <gtest/gtest.h>

namespace culvert::lbd {
namespace {

constexpr unsigned highest = 12;

TEST(Sampling, FewFlowsAreAllCounted) {
    Sampling sampling;
    EXPECT_FALSE(sampling.see(Sampling::most, highest));
    sampling.end_round(Sampling::most, 0, 30);
    EXPECT_EQ(sampling.shift(), 0U);
    EXPECT_EQ(sampling.counted(), 0U);
}

TEST(Sampling, TwiceAsManyFlowsHalveThePartAtOnce) {
    Sampling sampling;
    for (unsigned shift = 1; shift <= highest; ++shift) {
        EXPECT_TRUE(sampling.see(Sampling::most + 1, highest));
        EXPECT_EQ(sampling.shift(), shift);
        EXPECT_EQ(sampling.counted(), shift);
    }
    EXPECT_FALSE(sampling.see(Sampling::most + 1, highest)) << "the tag has no more bits for it";
}

TEST(Sampling, WhenFlowsBecomeFewerThePartGrowsAndIsCountedByOnceAllHaveEntries) {
    Sampling sampling(3);
    sampling.end_round(Sampling::least - 1, 100, 30);
    EXPECT_EQ(sampling.shift(), 2U);
    EXPECT_EQ(sampling.counted(), 3U);
    sampling.end_round(0, 130, 30);
    EXPECT_EQ(sampling.shift(), 2U) << "one step at a time";
    EXPECT_EQ(sampling.counted(), 3U);
    sampling.end_round(0, 131, 30);
    EXPECT_EQ(sampling.counted(), 2U);
    EXPECT_EQ(sampling.shift(), 1U);
}

TEST(Sampling, APartThatIsLargeEnoughStays) {
    Sampling sampling(3);
    sampling.end_round(Sampling::least, 100, 30);
    EXPECT_EQ(sampling.shift(), 3U);
}

}  // namespace
}  // namespace culvert::lbd
