// SPDX-License-Identifier: Apache-2.0
// Several meshes in one event loop, with real connections over loopback.
#include "tests/unit/lbd/cluster/mesh.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

namespace culvert::lbd {
namespace {

using Clock = std::chrono::steady_clock;

class Meshes : public testing::Test {
  protected:
    Meshes() {
        for (int number = 1; number <= 3; ++number) members[number].number = number;
    }
    ~Meshes() override {
        for (MeshMember& one : members) one.mesh.reset();
    }

    void start_member(int number) { start(members.at(number), story.loop(), cluster_of(number, 3)); }
    [[nodiscard]] bool all_up() const {
        for (int one = 1; one <= 3; ++one)
            for (int other = 1; other <= 3; ++other)
                if (one != other && (!members[one].mesh || !members[one].is_up(other))) return false;
        return true;
    }
    [[nodiscard]] std::uint64_t connections() const {
        std::uint64_t sum = 0;
        for (int one = 1; one <= 3; ++one)
            for (const PeerStatus& peer : members[one].mesh->status().peers) sum += peer.connections;
        return sum;
    }

    Story story;
    std::array<MeshMember, 4> members;  // from 1 on
};

TEST_F(Meshes, EachIsConnectedWithEachInAnyOrderOfStarts) {
    members[3].has = {some_records(10)};
    story.then([&] { start_member(3); })
        .when("3 waits", [&] { return members[3].peer(1).reason.find("refused") != std::string::npos; })
        .then([&] { start_member(1); })
        .when("1 and 3 are connected", [&] { return members[1].is_up(3) && members[3].is_up(1); })
        .then([&] { start_member(2); })
        .when("all are connected", [&] { return all_up(); })
        .when("all have joined",
              [&] { return members[1].mesh->joined() && members[2].mesh->joined() && members[3].mesh->joined(); });
    story.happens();
    EXPECT_EQ(members[1].records(), 10U);
    EXPECT_EQ(members[2].records(), 10U);
    EXPECT_EQ(members[3].records(), 0U);
    const ClusterStatus status = members[1].mesh->status();
    ASSERT_EQ(status.peers.size(), 2U) << "the own address is skipped";
    EXPECT_EQ(status.peers[0].name, "lb2");
    EXPECT_EQ(status.peers[1].name, "lb3");
    EXPECT_EQ(status.strangers, 0U);
}

TEST_F(Meshes, StayConnectedWhenAllStartAtOnce) {
    Clock::time_point since;
    story
        .then([&] {
            for (const int number : {1, 2, 3}) start_member(number);
        })
        .when("all are connected", [&] { return all_up(); })
        .then([&] { since = Clock::now(); })
        .when("each pair has one connection, and keeps it",
              [&] { return all_up() && Clock::now() - since > std::chrono::seconds(1); });
    story.happens();
    EXPECT_LE(connections(), 12U) << "at most two connections met for each pair";
}

TEST_F(Meshes, ShareReachesThoseThatAreConnected) {
    story
        .then([&] {
            for (const int number : {1, 2, 3}) start_member(number);
        })
        .when("all are connected", [&] { return all_up(); })
        .then([&] { members[1].mesh->share(some_records(10'000)); })
        .when("both have it", [&] { return members[2].records() == 10'000 && members[3].records() == 10'000; });
    story.happens();
    EXPECT_EQ(members[2].taken.size(), 3U) << "of at most 4,096";
    EXPECT_EQ(members[1].peer(2).records_out, 10'000U);
    EXPECT_EQ(members[2].peer(1).records_in, 10'000U);
    EXPECT_TRUE(members[1].taken.empty());
}

TEST_F(Meshes, OneThatComesBackGetsEverythingAgain) {
    members[1].has = {some_records(5)};
    story
        .then([&] {
            for (const int number : {1, 2, 3}) start_member(number);
        })
        .when("all are connected", [&] { return all_up(); })
        .then([&] {
            members[2].mesh.reset();
            members[2].taken.clear();
        })
        .when("the others know that it stopped",
              [&] { return !members[1].losses.empty() && !members[3].losses.empty(); })
        .then([&] { start_member(2); })
        .when("all are connected again", [&] { return all_up(); });
    story.happens();
    EXPECT_THAT(members[1].losses, testing::ElementsAre("lbd has stopped there"));
    EXPECT_THAT(members[3].losses, testing::ElementsAre("lbd has stopped there"));
    EXPECT_EQ(members[2].records(), 5U);
    EXPECT_EQ(members[1].peer(2).connections, 2U);
    EXPECT_EQ(members[1].peer(3).connections, 1U) << "the connection of the others was not touched";
}

TEST_F(Meshes, HalfAMillionRecordsReachOneThatJoins) {
    for (int i = 0; i < 125; ++i) members[1].has.push_back(some_records(4'000));
    Clock::time_point began;
    Clock::duration took{};
    story
        .then([&] {
            start_member(1);
            start_member(2);
            began = Clock::now();
        })
        .when("it has all", [&] { return members[2].is_up(1); })
        .then([&] { took = Clock::now() - began; });
    story.happens();
    EXPECT_EQ(members[2].records(), 500'000U);
    RecordProperty("milliseconds", std::to_string(took / std::chrono::milliseconds(1)));
}

TEST_F(Meshes, OneThatTakesTooLittleIsCutOffAndGetsEverythingAgain) {
    members[1].has = {some_records(5)};
    story
        .then([&] {
            start_member(1);
            start_member(2);
        })
        .when("they are connected", [&] { return members[1].is_up(2) && members[2].is_up(1); })
        .then([&] {
            members[2].taken.clear();
            Exceptions large = some_records(1);
            large.backends.assign(4'000, std::string(255, 'b'));
            for (int i = 0; i < 70; ++i) members[1].mesh->share(large);  // 1 MB each
        })
        .when("it was cut off", [&] { return !members[1].losses.empty(); })
        .when("they are connected again", [&] { return members[1].is_up(2) && members[2].is_up(1); });
    story.happens();
    EXPECT_THAT(members[1].losses, testing::ElementsAre(testing::HasSubstr("too slow")));
    EXPECT_EQ(members[1].peer(2).connections, 2U);
    EXPECT_EQ(members[2].records(), 5U);
}

TEST_F(Meshes, AChangeOfTheListLeavesTheOtherConnectionsAlone) {
    story
        .then([&] {
            for (const int number : {1, 2, 3}) start_member(number);
        })
        .when("all are connected", [&] { return all_up(); })
        .then([&] {
            Cluster next = cluster_of(1, 3);
            next.peers.pop_back();
            auto prepared = members[1].mesh->prepare(next);
            ASSERT_TRUE(prepared);
            EXPECT_FALSE(prepared->socket.is_open());
            members[1].mesh->follow(next, *std::move(prepared));
        })
        .when("3 knows why", [&] { return members[3].peer(1).reason.find("not in the list") != std::string::npos; });
    story.happens();
    EXPECT_EQ(members[1].mesh->status().peers.size(), 1U);
    EXPECT_EQ(members[1].peer(2).connections, 1U);
    EXPECT_TRUE(members[1].is_up(2));
}

ServiceView web_view(std::uint64_t table, std::chrono::milliseconds idle = std::chrono::minutes(2)) {
    return {.name = "web", .table = table, .whole = table, .idle = idle, .lines = {{"table", std::to_string(table)}}};
}

TEST_F(Meshes, AgreeIfTheirTablesAreTheSame) {
    const auto agree = [&](int number) { return members[number].mesh->agrees("web"); };
    story
        .then([&] {
            for (const int number : {1, 2, 3}) start_member(number);
            members[1].mesh->tell({web_view(1)});
            members[2].mesh->tell({web_view(1)});
            EXPECT_TRUE(agree(1)) << "nobody is known who has another one";
        })
        .when("all are connected", [&] { return all_up(); })
        .then([&] {
            EXPECT_TRUE(agree(1) && agree(2)) << "3 does not have the service";
            members[3].mesh->tell({web_view(2)});
        })
        .when("they know it", [&] { return !agree(1) && !agree(2) && !agree(3); })
        .then([&] { members[3].mesh->tell({web_view(1)}); })
        .when("they agree", [&] { return agree(1) && agree(2) && agree(3); })
        .then([&] { members[3].mesh->tell({}); })
        .when("3 has it no more", [&] {
            const auto of = [&](int number) { return members[number].peer(3).disagreements; };
            return of(1) == 1 && of(2) == 1;
        });
    story.happens();
    EXPECT_TRUE(agree(1) && agree(3));
}

TEST_F(Meshes, WhatTheySayOfThemselvesMayChange) {
    const auto told = [&](int number, int other) {
        const auto list = members[number].peer(other).first_ones;
        return list.empty() ? std::string() : text_of(list.front(), "p");
    };
    Introduction changed{.name = "lb1", .version = "1", .hash_key = "01234567", .flow_entries = 2'048};
    story
        .then([&] {
            start_member(1);
            start_member(2);
        })
        .when("they are connected", [&] { return members[1].is_up(2) && members[2].is_up(1); })
        .then([&] { members[1].mesh->introduce(changed); })
        .when("both see it",
              [&] {
                  return told(1, 2) == "flow entries 2048 here, 1024 on p" &&
                         told(2, 1) == "flow entries 1024 here, 2048 on p";
              })
        .then([&] {
            changed.flow_entries = 1'024;
            members[1].mesh->introduce(changed);
        })
        .when("it is over", [&] { return told(1, 2).empty() && told(2, 1).empty(); });
    story.happens();
    EXPECT_EQ(members[1].peer(2).connections, 1U);
}

TEST_F(Meshes, OneThatIsGoneCountsForTheIdleTime) {
    constexpr auto idle = std::chrono::milliseconds(500);
    Clock::time_point gone;
    story
        .then([&] {
            start_member(1);
            start_member(2);
            members[1].mesh->tell({web_view(1, idle)});
            members[2].mesh->tell({web_view(2, idle)});
        })
        .when("they do not agree", [&] { return !members[1].mesh->agrees("web"); })
        .then([&] {
            gone = Clock::now();
            members[2].mesh.reset();
        })
        .when("it is gone", [&] { return members[1].peer(2).state == PeerStatus::State::away; })
        .when("it does not count any longer", [&] { return members[1].mesh->agrees("web"); });
    story.happens();
    EXPECT_GE(Clock::now() - gone, idle);
    EXPECT_EQ(members[1].peer(2).disagreements, 0U);
}

TEST_F(Meshes, AnotherPortTakesEffect) {
    const auto move = [&](int number) {
        Cluster next = cluster_of(number, 3);
        next.port = 9'999;
        auto prepared = members[number].mesh->prepare(next);
        ASSERT_TRUE(prepared);
        members[number].mesh->follow(next, *std::move(prepared));
    };
    story
        .then([&] {
            for (const int number : {1, 2, 3}) start_member(number);
        })
        .when("all are connected", [&] { return all_up(); })
        .then([&] {
            for (const int number : {1, 2, 3}) move(number);
        })
        .when("all are connected again",
              [&] { return all_up() && members[1].peer(2).connections > 1 && members[1].peer(3).connections > 1; });
    story.happens();
}

TEST_F(Meshes, JoinedAfterTheTimeoutWithoutAPeer) {
    Cluster cluster = cluster_of(1, 2);
    cluster.join_timeout = std::chrono::milliseconds(300);
    Clock::time_point began;
    story
        .then([&] {
            start(members[1], story.loop(), cluster);
            began = Clock::now();
            EXPECT_FALSE(members[1].mesh->joined());
        })
        .when("it does not wait any longer", [&] { return members[1].mesh->joined(); });
    story.happens();
    EXPECT_GE(Clock::now() - began, std::chrono::milliseconds(300));
}

TEST_F(Meshes, AnotherKeyIsRefused) {
    story
        .then([&] {
            start(members[1], story.loop(), cluster_of(1, 2));
            start(members[2], story.loop(), cluster_of(2, 2), some_key(8));
        })
        .when("both say so", [&] {
            return members[1].peer(2).reason.starts_with("TLS") && members[2].peer(1).reason.starts_with("TLS") &&
                   members[1].mesh->status().strangers > 0;
        });
    story.happens();
    EXPECT_EQ(members[1].peer(2).connections, 0U);
    EXPECT_THAT(members[1].mesh->status().last_stranger, testing::HasSubstr("TLS"));
}

}  // namespace
}  // namespace culvert::lbd
