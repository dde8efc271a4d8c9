// SPDX-License-Identifier: Apache-2.0
#include "lbd/reconcile/part_size.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace culvert::lbd {
namespace {

constexpr std::uint64_t places = 1600;
constexpr unsigned most = 4;

TEST(PartSize, APartThatFillsIsDoubled) {
    EXPECT_EQ(PartSize::larger({.entries = 450, .places = places}, 3), std::nullopt);
    EXPECT_EQ(PartSize::larger({.entries = 451, .places = places}, 3), 2U);
    EXPECT_EQ(PartSize::larger({.entries = 1200, .places = places}, 3), 2U);
}

TEST(PartSize, APartThatIsNearlyFullBecomesTheWholeAtOnce) {
    EXPECT_EQ(PartSize::larger({.entries = 1201, .places = places}, 4), 0U);
}

TEST(PartSize, TheWholeDoesNotGrow) {
    EXPECT_EQ(PartSize::larger({.entries = places, .places = places}, 0), std::nullopt);
}

TEST(PartSize, APartThatIsEmptyForLongIsHalved) {
    PartSize size;
    for (int halved = 0; halved < 2; ++halved) {
        for (unsigned round = 1; round < PartSize::patience; ++round)
            ASSERT_EQ(size.smaller({.entries = 99, .places = places}, 2, most), std::nullopt) << round;
        EXPECT_EQ(size.smaller({.entries = 99, .places = places}, 2, most), 3U);
    }
}

TEST(PartSize, OneRoundWithMoreEntriesBeginsAnew) {
    PartSize size;
    for (unsigned round = 1; round < PartSize::patience; ++round)
        (void)size.smaller({.entries = 0, .places = places}, 2, most);
    EXPECT_EQ(size.smaller({.entries = 100, .places = places}, 2, most), std::nullopt);
    EXPECT_EQ(size.smaller({.entries = 0, .places = places}, 2, most), std::nullopt);
}

TEST(PartSize, TheLeastPartStays) {
    PartSize size;
    for (unsigned round = 0; round < 2 * PartSize::patience; ++round)
        EXPECT_EQ(size.smaller({.entries = 0, .places = places}, most, most), std::nullopt);
}

}  // namespace
}  // namespace culvert::lbd
