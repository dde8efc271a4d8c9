// SPDX-License-Identifier: Apache-2.0
#include "lbd/forecast/questions.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

namespace culvert::lbd {
namespace {

using Rule = Turnover::Rule;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using Bits = std::shared_ptr<const std::vector<bool>>;

Bits some_bits(std::size_t slots = 101) { return std::make_shared<const std::vector<bool>>(slots, true); }

Turnover turnover(const std::string& service, const Bits& bits, Rule rule = Rule::stays) {
    return {.service = service,
            .slots = static_cast<std::uint32_t>(bits->size()),
            .changes = bits,
            .lost = {"b1"},
            .rule = rule};
}

std::vector<PeerQuestion> asked(const std::vector<Turnover>& turnovers) {
    return questions_about(turnovers, [](const std::string& name) { return name == "other" ? 2U : 1U; });
}

TEST(QuestionsTest, ServicesThatChangeAlikeAreAskedTogether) {
    const Bits bits = some_bits();
    const auto questions =
        asked({turnover("a", bits), turnover("other", bits), turnover("b", bits), turnover("gone", bits, Rule::unknown),
               turnover("c", bits, Rule::table), turnover("none", bits, Rule::untracked), turnover("d", some_bits())});
    ASSERT_THAT(questions, SizeIs(1));
    const auto& [message, of] = questions[0];
    EXPECT_THAT(message.about, SizeIs(4));
    EXPECT_THAT(of, testing::UnorderedElementsAre(0, 1, 2, 4, 6));
    EXPECT_TRUE(decode_message({reinterpret_cast<const std::uint8_t*>(encode(message).data()) + length_bytes,
                                encode(message).size() - length_bytes})
                    .has_value());
    // As the peer understands it, in the same order.
    const auto there = turnovers_of(message);
    const std::vector<std::string> names{"a", "other", "b", "", "c", "", "d"};
    ASSERT_EQ(there.size(), of.size());
    for (std::size_t i = 0; i < there.size(); ++i) {
        EXPECT_EQ(there[i].service, names[of[i]]);
        EXPECT_EQ(there[i].rule, there[i].service == "c" ? Rule::table : Rule::stays);
        EXPECT_EQ(*there[i].changes, *bits);
        EXPECT_THAT(there[i].lost, ElementsAre("b1"));
    }
}

TEST(QuestionsTest, ServicesOfAMessageShareWhatTheyHaveInCommon) {
    TurnoverQuestion::About about{.services = {"a", "b"}, .slots = 1, .changes = {true}, .lost = {"b1"}};
    const auto there = turnovers_of({.number = 1, .about = {std::move(about)}});
    ASSERT_THAT(there, SizeIs(2));
    EXPECT_EQ(&*there[0].lost.begin(), &*there[1].lost.begin());
    EXPECT_EQ(there[0].changes, there[1].changes);
}

TEST(QuestionsTest, EachFitsIntoAMessage) {
    std::vector<Turnover> many;
    for (int i = 0; i < 300; ++i) many.push_back(turnover("s" + std::to_string(i), some_bits(65'537)));
    const Bits bits = some_bits();
    for (int i = 0; i < 9'000; ++i) many.push_back(turnover(std::string(60, 'n') + std::to_string(i), bits));
    many.push_back(turnover("large", some_bits(1U << 23)));  // it is not asked
    const auto questions = asked(many);
    std::size_t services = 0;
    for (const PeerQuestion& question : questions) {
        const std::string sent = encode(question.message);
        EXPECT_LE(sent.size(), most_message_bytes);
        const std::string fields = sent.substr(length_bytes);
        const auto read = decode_message({reinterpret_cast<const std::uint8_t*>(fields.data()), fields.size()});
        ASSERT_TRUE(read) << read.error();
        EXPECT_EQ(**read, Message(question.message));
        services += question.of.size();
    }
    EXPECT_EQ(services, 9'300U);
    EXPECT_GT(questions.size(), 4U);
}

TEST(QuestionsTest, AnAnswerIsEnteredIfItFits) {
    const Bits bits = some_bits();
    auto questions = asked({turnover("gone", bits, Rule::unknown), turnover("a", bits), turnover("b", bits)});
    ASSERT_THAT(questions, SizeIs(1));
    questions[0].message.number = 7;
    PeerForecast peer{.of = std::vector<PeerForecast::Of>(3)};
    const TurnoverCount count{.live = 3, .stay = 2, .move = 1};
    TurnoverAnswer answer{.number = 7, .of = {{.count = count}, {.state = TurnoverAnswer::State::other_table}}};
    EXPECT_TRUE(take_answer(answer, questions[0], peer));
    EXPECT_EQ(peer.of[1].count, count);
    EXPECT_EQ(peer.of[1].missing, "");
    EXPECT_THAT(peer.of[2].missing, testing::HasSubstr("another table"));
    answer.number = 6;
    EXPECT_FALSE(take_answer(answer, questions[0], peer));
    answer = {.number = 7, .of = {{}}};
    EXPECT_FALSE(take_answer(answer, questions[0], peer));
    EXPECT_THAT(asked({turnover("gone", bits, Rule::unknown)}), IsEmpty());
}

}  // namespace
}  // namespace culvert::lbd
