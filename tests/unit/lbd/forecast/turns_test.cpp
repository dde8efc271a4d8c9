// SPDX-License-Identifier: Apache-2.0
#include "lbd/forecast/turns.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "lbd/forecast/counter.hpp"
#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

using testing::ElementsAre;
using State = TurnoverAnswer::State;

class TurnsTest : public testing::Test {
  protected:
    /// A question that takes so many pieces of work.
    void ask(const char* peer, std::uint64_t number, int pieces) {
        turns_.add(address(peer), {.next = [this, peer, left = pieces]() mutable -> netlink::Result<bool> {
                                       worked_.emplace_back(peer);
                                       --left;
                                       if (left == 0 && fails_)
                                           return tl::unexpected(netlink::Error{.operation = "look", .code = EIO});
                                       return left == 0;
                                   },
                                   .answer = [number] { return TurnoverAnswer{.number = number}; }});
    }
    /// Works until nothing is left. Returns who was answered.
    std::vector<std::string> work() {
        std::vector<std::string> answered;
        while (!turns_.empty())
            if (const auto one = turns_.next())
                answered.push_back(one->first.to_string() + " " + std::to_string(one->second.number));
        return answered;
    }

    Turns turns_;
    std::vector<std::string> worked_;
    bool fails_ = false;
};

TEST_F(TurnsTest, TwoPeersAreAnsweredAPieceEachInTurn) {
    ask("10.0.0.2", 1, 3);
    ask("10.0.0.3", 2, 2);
    EXPECT_THAT(work(), ElementsAre("10.0.0.3 2", "10.0.0.2 1"));
    EXPECT_THAT(worked_, ElementsAre("10.0.0.2", "10.0.0.3", "10.0.0.2", "10.0.0.3", "10.0.0.2"));
}

TEST_F(TurnsTest, OfTwoQuestionsOfAPeerTheLastOneIsAnswered) {
    ask("10.0.0.2", 1, 3);
    EXPECT_FALSE(turns_.next());
    ask("10.0.0.2", 2, 2);
    EXPECT_THAT(work(), ElementsAre("10.0.0.2 2"));
}

TEST_F(TurnsTest, APeerThatIsGoneIsNotAnswered) {
    ask("10.0.0.2", 1, 3);
    ask("10.0.0.3", 2, 3);
    EXPECT_FALSE(turns_.next());
    turns_.forget(address("10.0.0.2"));
    EXPECT_THAT(work(), ElementsAre("10.0.0.3 2"));
    EXPECT_FALSE(turns_.next());
}

TEST_F(TurnsTest, WorkThatFailsIsNotAnswered) {
    fails_ = true;
    ask("10.0.0.2", 1, 2);
    EXPECT_TRUE(work().empty());
    EXPECT_EQ(worked_.size(), 2U);
}

TEST(Counts, AreThoseOfServicesThatCanBeCounted) {
    const TurnoverAnswer asked{.number = 9, .of = {{.state = State::counted}, {.state = State::no_service}}};
    const std::vector<TurnoverCount> counts{{.live = 3, .stay = 2, .move = 1}, {.live = 4}};
    const TurnoverAnswer answer = with_counts(asked, counts, false);
    EXPECT_EQ(answer.number, 9U);
    EXPECT_EQ(answer.of[0].count, counts[0]);
    EXPECT_EQ(answer.of[1], asked.of[1]);
}

TEST(Counts, ThatATableHasOutlivedAreWorthNothing) {
    const TurnoverAnswer answer =
        with_counts({.number = 9, .of = {{.state = State::counted}}}, {{.live = 3, .stay = 2, .move = 1}}, true);
    EXPECT_EQ(answer.of[0], (TurnoverAnswer::Of{.state = State::other_table}));
}

}  // namespace
}  // namespace culvert::lbd
