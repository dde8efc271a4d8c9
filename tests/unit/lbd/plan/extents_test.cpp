// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/extents.hpp"

#include <gtest/gtest.h>

namespace culvert::lbd {
namespace {

TEST(Extents, TakesBehindTheLast) {
    Extents extents(1, 100);
    EXPECT_EQ(extents.take(4), 1U);
    extents.mark(20, 10);
    EXPECT_EQ(extents.take(70), 30U);
}

TEST(Extents, TakesTheFirstGapOnceTheEndIsReached) {
    Extents extents(0, 32);
    extents.mark(0, 4);
    extents.mark(6, 2);
    extents.mark(16, 16);
    EXPECT_EQ(extents.take(8), 8U);
    EXPECT_EQ(extents.take(1), 4U);
    EXPECT_EQ(extents.take(1), 5U);
    EXPECT_EQ(extents.take(1), std::nullopt);
}

TEST(Extents, NothingLargerThanTheRange) {
    EXPECT_EQ(Extents(1, 8).take(8), std::nullopt);
    EXPECT_EQ(Extents(1, 8).take(7), 1U);
}

}  // namespace
}  // namespace culvert::lbd
