// SPDX-License-Identifier: Apache-2.0
#include "common/log_limit.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace culvert::common {
namespace {

using namespace std::chrono_literals;

int admitted_of(LogLimit& limit, const std::string& kind, int lines, LogLimit::Clock::time_point now) {
    int admitted = 0;
    for (int i = 0; i < lines; ++i) admitted += limit.admit(kind, "line " + std::to_string(i), now) ? 1 : 0;
    return admitted;
}

constexpr LogLimit::Clock::time_point start{1h};

TEST(LogLimitTest, SaysTwentyAtOnceAndThenSixAMinute) {
    LogLimit limit;
    EXPECT_EQ(admitted_of(limit, "down", 1000, start), 20);
    EXPECT_EQ(admitted_of(limit, "down", 1000, start + 1s), 0);
    EXPECT_EQ(admitted_of(limit, "down", 1000, start + 61s), 6);
    EXPECT_EQ(admitted_of(limit, "down", 1000, start + 1h), 20);
}

TEST(LogLimitTest, OneKindDoesNotSilenceAnother) {
    LogLimit limit;
    EXPECT_EQ(admitted_of(limit, "down", 1000, start), 20);
    EXPECT_EQ(admitted_of(limit, "up", 5, start), 5);
}

TEST(LogLimitTest, KeepsTheNumberOfTheOthersAndTheLast) {
    LogLimit limit;
    admitted_of(limit, "down", 25, start);
    admitted_of(limit, "up", 20, start);
    EXPECT_EQ(limit.take_unsaid(), (std::vector<LogLimit::Unsaid>{{.kind = "down", .lines = 5, .last = "line 24"}}));
    EXPECT_TRUE(limit.take_unsaid().empty());
}

}  // namespace
}  // namespace culvert::common
