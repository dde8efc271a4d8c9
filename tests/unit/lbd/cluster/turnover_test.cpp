// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <optional>
#include <string>
#include <vector>

#include "lbd/cluster/message.hpp"
#include "tests/unit/lbd/cluster/mesh.hpp"

namespace culvert::lbd {
namespace {

/// Asks, and answers.
struct Asking {
    std::unique_ptr<Mesh> mesh;
    std::vector<TurnoverQuestion> questions;
    std::vector<TurnoverAnswer> answers;

    void start(EventLoop& loop, int number, const std::string& hash_key = "01234567") {
        auto opened =
            Mesh::open(loop, cluster_of(number, 2), some_key(),
                       {.name = "lb", .version = "1", .hash_key = hash_key, .flow_entries = 1},
                       {.asked =
                            [this](const auto& peer, const TurnoverQuestion& question) {
                                questions.push_back(question);
                                mesh->answer(peer, {.number = question.number, .of = {{.count = {.live = 5}}}});
                            },
                        .answered = [this](const auto&, const TurnoverAnswer& one) { answers.push_back(one); }});
        ASSERT_TRUE(opened) << opened.error().message();
        mesh = *std::move(opened);
    }
    [[nodiscard]] bool is_up(int other) const {
        for (const PeerStatus& one : mesh->status().peers)
            if (one.address == own_loopback(other) && one.state == PeerStatus::State::up) return true;
        return false;
    }
};

const TurnoverQuestion question{.number = 3, .about = {{.services = {"web"}, .slots = 1, .changes = {true}}}};

TEST(MeshTurnover, APeerAnswers) {
    Story story;
    Asking one, other;
    one.start(story.loop(), 1);
    EXPECT_THAT(one.mesh->ask(own_loopback(2), question).value_or(""), testing::StartsWith("away: "));
    EXPECT_THAT(one.mesh->ask(own_loopback(9), question).value_or(""), testing::HasSubstr("no peer"));
    other.start(story.loop(), 2);
    story.when("they are connected", [&] { return one.is_up(2) && other.is_up(1); })
        .then([&] { EXPECT_EQ(one.mesh->ask(own_loopback(2), question), std::nullopt); })
        .when("it has answered", [&] { return !one.answers.empty(); })
        .happens();
    EXPECT_THAT(other.questions, testing::ElementsAre(question));
    EXPECT_EQ(one.answers[0].number, 3U);
    EXPECT_EQ(one.answers[0].of.at(0).count.live, 5U);
}

TEST(MeshTurnover, OneWithAnotherHashKeyCannot) {
    Story story;
    Asking one, other;
    one.start(story.loop(), 1);
    other.start(story.loop(), 2, "89abcdef");
    story.when("they are connected", [&] { return one.is_up(2) && other.is_up(1); }).happens();
    EXPECT_THAT(one.mesh->ask(own_loopback(2), question).value_or(""), testing::HasSubstr("another key"));
}

}  // namespace
}  // namespace culvert::lbd
