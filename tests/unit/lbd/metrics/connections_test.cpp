// SPDX-License-Identifier: Apache-2.0
#include "lbd/metrics/connections.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <vector>

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;

constexpr Connections<char>::Time start{};

/// `a` is the first.
Connections<char> three() {
    Connections<char> all;
    all.add('a', 10, start);
    all.add('b', 11, start + 1s);
    all.add('c', 12, start + 2s);
    return all;
}

TEST(Connections, TheSlowestHaveToGo) {
    Connections<char> all;
    EXPECT_EQ(all.close_slowest_to_ask(), std::nullopt);
    EXPECT_EQ(all.close_slowest_to_read(), std::nullopt);
    all = three();
    EXPECT_EQ(all.close_slow(start + 4s, 5s), std::vector<int>{});
    EXPECT_EQ(all.close_slow(start + 6s, 5s), (std::vector{10, 11}));

    all = three();
    all.reads('a', start + 3s);
    all.reads('c', start + 4s);
    EXPECT_EQ(all.close_slow(start + 60s, 5s), std::vector{11}) << "the time of readers is separate";
    EXPECT_EQ(all.close_slowest_to_read(), 10);
    EXPECT_EQ(all.close_slowest_to_read(), 12);

    all = three();
    all.reads('a', start + 3s);
    EXPECT_EQ(all.close_slowest_to_ask(), 11);
    all.asks('a', start + 50s);
    EXPECT_EQ(all.close_slow(start + 54s, 5s), std::vector{12});
    EXPECT_EQ(all.close_slowest_to_ask(), 10);
}

// The library that closes connections notices a while later.
TEST(Connections, WhatIsToBeClosedIsNotChosenAgain) {
    auto all = three();
    EXPECT_EQ(all.staying(), 3U);
    EXPECT_EQ(all.close_slowest_to_ask(), 10);
    EXPECT_EQ(all.close_slowest_to_ask(), 11);
    EXPECT_EQ(all.staying(), 1U);
    EXPECT_EQ(all.size(), 3U);
    EXPECT_EQ(all.close_slow(start + 60s, 5s), std::vector{12});
    EXPECT_EQ(all.close_slowest_to_ask(), std::nullopt);
    all.remove('a');
    EXPECT_EQ(all.size(), 2U);
    EXPECT_EQ(all.staying(), 0U);
}

}  // namespace
}  // namespace culvert::lbd
