// SPDX-License-Identifier: Apache-2.0
#include "realserver/run/backoff.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace culvert::realserver {
namespace {

using namespace std::chrono_literals;

const Key broken{Kind::vip, "192.0.2.1"};
const Key other{Kind::vip, "192.0.2.2"};

class BackoffTest : public testing::Test {
  protected:
    /// Others break it all the time, we repair it when allowed. Returns the times between.
    std::vector<Backoff::Delay> fight(int rounds) {
        std::vector<Backoff::Delay> waits;
        for (int i = 0; i < rounds; ++i) {
            const Backoff::Delay wait = backoff_.wait(broken, now_);
            waits.push_back(wait);
            now_ += wait;
            EXPECT_EQ(backoff_.wait(broken, now_), 0ms);
            backoff_.tried(broken, now_);
        }
        return waits;
    }

    Backoff backoff_;
    Backoff::Time now_{1h};
};

TEST_F(BackoffTest, TheFirstTimeIsAtOnceThenEverLater) {
    EXPECT_EQ(fight(9), (std::vector<Backoff::Delay>{0s, 1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}));
    EXPECT_EQ(backoff_.wait(other, now_), 0ms);
}

TEST_F(BackoffTest, WhatFailedMaySucceedSoonAfterAnythingElseHasChanged) {
    for (int i = 0; i < 9; ++i, now_ += backoff_.wait(broken, now_)) backoff_.tried(broken, now_, true);
    backoff_.tried(broken, now_, true);
    EXPECT_GT(backoff_.wait(broken, now_), 30s);
    backoff_.hasten();
    EXPECT_EQ(backoff_.wait(broken, now_), 1s);
    now_ += 1s;
    EXPECT_EQ(backoff_.wait(broken, now_), 0s);
}

TEST_F(BackoffTest, WhatSucceedsAfterFailuresBeginsAnew) {
    for (int i = 0; i < 9; ++i, now_ += backoff_.wait(broken, now_)) backoff_.tried(broken, now_, true);
    backoff_.tried(broken, now_);
    EXPECT_EQ(fight(3), (std::vector<Backoff::Delay>{0s, 1s, 2s}));
}

TEST_F(BackoffTest, WhatIsContestedStaysSo) {
    fight(9);
    backoff_.hasten();
    EXPECT_GT(backoff_.wait(broken, now_), 30s);
}

TEST_F(BackoffTest, WhatLastsIsTrustedAgain) {
    fight(4);  // the next one would be in 8 s
    now_ += 16s;
    EXPECT_EQ(fight(3), (std::vector<Backoff::Delay>{0s, 1s, 2s}));
}

// However late the next attempt is, as on a busy machine.
TEST_F(BackoffTest, WhatWasFoundChangedBeforeItWasDueHasNotLasted) {
    fight(4);
    EXPECT_EQ(backoff_.delay(broken), 8s);
    backoff_.held(broken);
    now_ += 16s;
    backoff_.tried(broken, now_);
    EXPECT_EQ(backoff_.delay(broken), 16s);
    EXPECT_EQ(backoff_.delay(other), 0s);
}

TEST_F(BackoffTest, WhatComesBackSlowlyIsRepairedAtOnce) {
    for (int i = 0; i < 100; ++i, now_ += 3s) {
        EXPECT_EQ(backoff_.wait(broken, now_), 0ms);
        backoff_.tried(broken, now_);
    }
}

TEST_F(BackoffTest, AnythingOftenIsAtMostAsOftenAsTheDelaysAllow) {
    int repairs = 0;
    const Backoff::Time end = now_ + 1h;
    for (; now_ < end; now_ += 10ms) {
        if (backoff_.wait(broken, now_) > 0ms) continue;
        backoff_.tried(broken, now_);
        ++repairs;
    }
    EXPECT_LE(repairs, 7 + 60);
}

TEST_F(BackoffTest, IsSaidOnceForEachDelay) {
    EXPECT_FALSE(backoff_.is_news(broken));
    int said = 0;
    for (int i = 0; i < 20; ++i) {
        fight(1);
        for (int j = 0; j < 3; ++j) said += backoff_.is_news(broken) ? 1 : 0;
    }
    EXPECT_EQ(said, 7) << "1, 2, 4, 8, 16, 32 and 60 seconds";
}

TEST_F(BackoffTest, ForgottenAllIsDue) {
    fight(5);
    backoff_.forget();
    EXPECT_EQ(fight(2), (std::vector<Backoff::Delay>{0s, 1s}));
}

}  // namespace
}  // namespace culvert::realserver
