// SPDX-License-Identifier: Apache-2.0
#include "lbd/forecast/survey.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

/// Two peers, which are asked about two services in a question each.
class SurveyTest : public testing::Test {
  protected:
    SurveyTest() {
        for (const char* peer : {"10.0.0.2", "10.0.0.3"})
            status_.peers.push_back({.address = address(peer), .state = PeerStatus::State::up, .name = peer});
    }

    void begin() { survey_.begin(status_, {{.message = {}, .of = {1}}, {.message = {}, .of = {0}}}, 2, now_); }
    /// The number of the question that a peer was last asked.
    [[nodiscard]] std::uint64_t number(const char* peer) const {
        for (auto one = asked_.rbegin(); one != asked_.rend(); ++one)
            if (one->first == address(peer)) return one->second;
        return 0;
    }
    bool answer(const char* peer, std::uint64_t number, std::uint64_t live) {
        return survey_.answered(address(peer), {.number = number, .of = {{.count = {.live = live}}}}, now_);
    }
    void look() { survey_.look(status_, now_); }
    [[nodiscard]] std::vector<std::string> missing() const {
        std::vector<std::string> all;
        for (const PeerForecast& peer : survey_.peers()) all.push_back(peer.missing);
        return all;
    }

    ClusterStatus status_;
    Survey::Clock::time_point now_{1h};
    std::vector<std::pair<netlink::IpAddress, std::uint64_t>> asked_;
    std::string refuses_;  // the address of a peer that cannot be asked
    Survey survey_{[this](const netlink::IpAddress& peer, const TurnoverQuestion& question) {
        asked_.emplace_back(peer, question.number);
        return peer.to_string() == refuses_ ? std::optional<std::string>("its lbd 0.1 does not know lbd plan")
                                            : std::nullopt;
    }};
};

TEST_F(SurveyTest, EachPeerIsAskedOneQuestionAfterTheOther) {
    begin();
    EXPECT_EQ(asked_.size(), 2U);
    EXPECT_TRUE(answer("10.0.0.2", number("10.0.0.2"), 5));
    EXPECT_TRUE(answer("10.0.0.2", number("10.0.0.2"), 7));
    EXPECT_EQ(asked_.size(), 3U);
    EXPECT_FALSE(survey_.is_done()) << "the other one has not answered";
    EXPECT_TRUE(answer("10.0.0.3", number("10.0.0.3"), 1));
    EXPECT_TRUE(answer("10.0.0.3", number("10.0.0.3"), 2));
    EXPECT_TRUE(survey_.is_done());
    EXPECT_EQ(survey_.peers()[0].of[1].count.live, 5U);
    EXPECT_EQ(survey_.peers()[0].of[0].count.live, 7U);
    EXPECT_EQ(survey_.peers()[1].of[0].count.live, 2U);
    EXPECT_THAT(missing(), ElementsAre("", ""));
}

TEST_F(SurveyTest, WhoDoesNotAnswerInTimeIsNamed) {
    begin();
    answer("10.0.0.2", number("10.0.0.2"), 5);
    answer("10.0.0.2", number("10.0.0.2"), 7);
    now_ += Survey::time_to_answer;
    look();
    EXPECT_FALSE(survey_.is_done());
    now_ += 1ms;
    look();
    EXPECT_TRUE(survey_.is_done());
    EXPECT_THAT(missing(), ElementsAre("", "it has not answered within 10 s"));
    EXPECT_FALSE(answer("10.0.0.3", number("10.0.0.3"), 1)) << "too late";
}

TEST_F(SurveyTest, EachQuestionHasItsOwnTime) {
    begin();
    now_ += Survey::time_to_answer;
    answer("10.0.0.2", number("10.0.0.2"), 5);
    now_ += Survey::time_to_answer;
    look();
    EXPECT_FALSE(survey_.is_done());
    EXPECT_THAT(missing(), ElementsAre("", "it has not answered within 10 s"));
}

TEST_F(SurveyTest, APeerOfAnEarlierVersionIsNamedAtOnce) {
    refuses_ = "10.0.0.2";
    begin();
    EXPECT_THAT(missing(), ElementsAre("its lbd 0.1 does not know lbd plan", ""));
    answer("10.0.0.3", number("10.0.0.3"), 1);
    answer("10.0.0.3", number("10.0.0.3"), 2);
    EXPECT_TRUE(survey_.is_done());
}

TEST_F(SurveyTest, WhoGoesMeanwhileIsNamed) {
    begin();
    status_.peers[0].state = PeerStatus::State::away;
    status_.peers[0].reason = "it stops";
    status_.peers.pop_back();
    look();
    EXPECT_TRUE(survey_.is_done());
    EXPECT_THAT(missing(), ElementsAre("away: it stops", "it is no peer any more"));
}

TEST_F(SurveyTest, AnAnswerToAFormerSurveyIsNoneToThisOne) {
    begin();
    const auto former = number("10.0.0.2");
    begin();
    EXPECT_FALSE(answer("10.0.0.2", former, 5));
    EXPECT_FALSE(answer("10.0.0.9", number("10.0.0.2"), 5)) << "nobody has asked it";
    EXPECT_TRUE(answer("10.0.0.2", number("10.0.0.2"), 6));
    EXPECT_FALSE(survey_.is_done());
}

TEST_F(SurveyTest, WithoutQuestionsNobodyIsAsked) {
    survey_.begin(status_, {}, 1, now_);
    EXPECT_TRUE(survey_.is_done());
    EXPECT_TRUE(asked_.empty());
    EXPECT_EQ(survey_.peers()[0].of[0].missing, "too much to ask");
}

}  // namespace
}  // namespace culvert::lbd
