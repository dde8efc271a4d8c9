// SPDX-License-Identifier: Apache-2.0
#include "lbd/metrics/connections.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <vector>

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;

TEST(Connections, TheSlowestHaveToGo) {
    const Connections<char>::Time start{};
    Connections<char> all;
    EXPECT_EQ(all.slowest_to_ask(), std::nullopt);
    EXPECT_EQ(all.slowest_to_read(), std::nullopt);
    all.add('a', 10, start);
    all.add('b', 11, start + 1s);
    all.add('c', 12, start + 2s);
    EXPECT_EQ(all.slowest_to_ask(), 10);
    EXPECT_EQ(all.slow(start + 4s, 5s), std::vector<int>{});
    EXPECT_EQ(all.slow(start + 6s, 5s), (std::vector{10, 11}));

    all.reads('a', start + 3s);
    all.reads('c', start + 4s);
    EXPECT_EQ(all.slowest_to_ask(), 11);
    EXPECT_EQ(all.slowest_to_read(), 10);
    EXPECT_EQ(all.slow(start + 60s, 5s), std::vector{11}) << "the time of readers is separate";

    all.asks('a', start + 50s);
    EXPECT_EQ(all.slow(start + 54s, 5s), std::vector{11});
    all.remove('b');
    EXPECT_EQ(all.slowest_to_ask(), 10);
    EXPECT_EQ(all.slowest_to_read(), 12);
    EXPECT_EQ(all.size(), 2U);
}

}  // namespace
}  // namespace culvert::lbd
