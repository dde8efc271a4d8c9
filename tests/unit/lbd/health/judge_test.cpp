// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/judge.hpp"

#include <gtest/gtest.h>

#include "lbd/health/ramp.hpp"
#include "lbd/health/schedule.hpp"

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;

/// A judge and its clock: a check a second.
class Court {
  public:
    Court(std::uint16_t rise, std::uint16_t fall) : judge_(rise, fall) {}

    Condition hears(bool answered, int times = 1) {
        for (int i = 0; i < times; ++i) judge_.hear(answered, now_ += 1s);
        return judge_.condition();
    }
    /// The number of consecutive answers until the backend is up.
    int answers_to_rise() {
        int answers = 1;
        while (hears(true) != Condition::up) ++answers;
        return answers;
    }
    void pass(std::chrono::seconds time) { now_ += time; }

  private:
    Judge judge_;
    Judge::Time now_{};
};

TEST(Judge, TheFirstCheckDecidesAlone) {
    EXPECT_EQ(Court(2, 3).hears(true, 0), Condition::unknown);
    EXPECT_EQ(Court(2, 3).hears(true), Condition::up);
    EXPECT_EQ(Court(2, 3).hears(false), Condition::down);
}

TEST(Judge, TakesFailuresInARowToFallAndAnswersInARowToRise) {
    Court court(2, 3);
    EXPECT_EQ(court.hears(true), Condition::up);
    EXPECT_EQ(court.hears(false, 2), Condition::up);
    EXPECT_EQ(court.hears(true), Condition::up);
    EXPECT_EQ(court.hears(false, 2), Condition::up) << "the answer in between counts";
    EXPECT_EQ(court.hears(false), Condition::down);
    EXPECT_EQ(court.hears(true), Condition::down);
    EXPECT_EQ(court.hears(false), Condition::down);
    EXPECT_EQ(court.hears(true), Condition::down);
    EXPECT_EQ(court.hears(true), Condition::up);
}

TEST(Judge, WhoFallsAgainAndAgainHasToAnswerLongerButNotForever) {
    Court court(2, 1);
    court.hears(true);
    for (const int answers : {2, 4, 8, 16, 32, 32, 32}) {
        court.hears(false);
        EXPECT_EQ(court.answers_to_rise(), answers);
    }
    court.pass(Judge::flap_window);
    court.hears(false);
    EXPECT_EQ(court.answers_to_rise(), 2) << "that was long ago";
}

TEST(Ramp, GrowsInStepsAndBeginsWithSomething) {
    EXPECT_EQ(ramp_percent(0s, 30s), 10);
    EXPECT_EQ(ramp_percent(5999ms, 30s), 10);
    EXPECT_EQ(ramp_percent(6s, 30s), 20);
    EXPECT_EQ(ramp_percent(29s, 30s), 90);
    EXPECT_EQ(ramp_percent(30s, 30s), 100);
    EXPECT_EQ(ramp_percent(0s, 0s), 100);
}

TEST(Judge, WhatWasDownBeforeIsDownUntilTheFirstAnswer) {
    Judge judge(3, 3);
    judge.is_known_down();
    EXPECT_EQ(judge.condition(), Condition::down);
    EXPECT_FALSE(judge.hear(false, {}));
    EXPECT_EQ(judge.condition(), Condition::down);
    EXPECT_FALSE(judge.hear(true, {})) << "it was checked once, without an answer";
    EXPECT_FALSE(judge.hear(true, {}));
    EXPECT_TRUE(judge.hear(true, {}));

    Judge well(3, 3);
    well.is_known_down();
    EXPECT_TRUE(well.hear(true, {}));
}

TEST(Judge, GoesOnWhenItIsAskedOtherwise) {
    Judge judge(2, 2);
    EXPECT_TRUE(judge.hear(false, {}));
    judge.set(1, 5);
    EXPECT_EQ(judge.condition(), Condition::down);
    judge.set(3, 2);
    EXPECT_FALSE(judge.hear(true, {}));
    EXPECT_FALSE(judge.hear(true, {}));
    EXPECT_TRUE(judge.hear(true, {}));

    judge.ask_anew();
    EXPECT_FALSE(judge.hear(false, {})) << "a single failure does not take a backend down that was up";
    EXPECT_TRUE(judge.hear(false, {}));
    judge.ask_anew();
    EXPECT_EQ(judge.condition(), Condition::down);
    EXPECT_TRUE(judge.hear(true, {}));
}

TEST(Schedule, GivesWhoIsDueTheEarliestFirst) {
    const Schedule::Time start{};
    Schedule schedule;
    EXPECT_EQ(schedule.next(), std::nullopt);
    schedule.put(1, start + 3s);
    schedule.put(2, start + 1s);
    schedule.put(3, start + 2s);
    schedule.put(1, start + 1500ms);  // replaces the other time
    schedule.remove(3);
    EXPECT_EQ(schedule.next(), start + 1s);
    EXPECT_EQ(schedule.take_due(start + 500ms), std::vector<Schedule::Who>{});
    EXPECT_EQ(schedule.take_due(start + 5s), (std::vector<Schedule::Who>{2, 1}));
    EXPECT_EQ(schedule.next(), std::nullopt);
    EXPECT_EQ(first_time(start, 20s, 0.25), start + 250ms) << "soon, whatever the interval";
    EXPECT_EQ(first_time(start, 400ms, 0.25), start + 100ms);
    EXPECT_EQ(second_time(start, 20s, 0.25), start + 5s);
}

}  // namespace
}  // namespace culvert::lbd
