// SPDX-License-Identifier: Apache-2.0
#include "lbd/show/cluster.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;

ClusterStatus cluster() {
    ClusterStatus status{.name = "lb1", .version = "1.0", .peers = {}, .joined = false, .waiting = 2, .strangers = 3};
    status.last_stranger = "192.0.2.9: TLS: wrong version number";
    status.peers = {{.address = address("10.0.0.2"),
                     .state = PeerStatus::State::up,
                     .name = "lb2",
                     .version = "1.0",
                     .since = std::chrono::seconds(300),
                     .round_trip = std::chrono::microseconds(420),
                     .records_in = 7,
                     .records_out = 9,
                     .bytes_in = 100,
                     .bytes_out = 200,
                     .connections = 1,
                     .queued = 5,
                     .lag = std::chrono::milliseconds(2),
                     .disagreements = 3,
                     .first_ones = {{.service = "web", .key = "backend b2: weight", .here = "10", .there = "20"},
                                    {.service = "dns", .key = {}, .here = "configured", .there = {}}}},
                    {.address = address("fd00::3"), .reason = "Connection refused"}};
    return status;
}

TEST(ShowCluster, Json) {
    EXPECT_EQ(cluster_json(cluster()), Json::parse(R"(
        {"name": "lb1", "version": "1.0", "joined": false, "waiting": 2, "refused": 3,
         "last_refused": "192.0.2.9: TLS: wrong version number", "peers": [
          {"address": "10.0.0.2", "name": "lb2", "version": "1.0", "state": "up", "since_s": 300, "round_trip_us": 420,
           "records_in": 7, "records_out": 9, "bytes_in": 100, "bytes_out": 200, "connections": 1, "queued_bytes": 5,
           "lag_ms": 2, "disagreements": 3, "differences": [
             {"service": "web", "key": "backend b2: weight", "here": "10", "there": "20",
              "text": "service web: backend b2: weight 10 here, 20 on 10.0.0.2"},
             {"service": "dns", "here": "configured", "text": "service dns is here, not on 10.0.0.2"}]},
          {"address": "fd00::3", "state": "away", "since_s": 0, "reason": "Connection refused", "records_in": 0,
           "records_out": 0, "bytes_in": 0, "bytes_out": 0, "connections": 0, "queued_bytes": 0, "lag_ms": 0,
           "disagreements": 0, "differences": []}]})"));
    EXPECT_EQ(cluster_json(std::nullopt), Json::parse(R"({"peers": []})"));
}

TEST(ShowCluster, TableWithWhatDiffers) {
    EXPECT_EQ(cluster_table(cluster_json(cluster()), false),
              "PEER      NAME  VERSION  STATE                     FOR  ROUND TRIP  RECORDS IN  OUT   LAG  DIFFERENCES\n"
              "10.0.0.2  lb2   1.0      up                         5m      0.4 ms           7    9  2 ms            3\n"
              "fd00::3   -     -        away: Connection refused   0s           -           0    0  0 ms            0\n"
              "service web: backend b2: weight 10 here, 20 on 10.0.0.2\n"
              "service dns is here, not on 10.0.0.2\n"
              "1 more on 10.0.0.2\n"
              "not joined yet: some peers have not said everything\n"
              "3 connections refused, last 192.0.2.9: TLS: wrong version number\n");
    EXPECT_EQ(cluster_table(cluster_json(std::nullopt), false),
              "there are no peers: write cluster: {key_file: …, peers: [ADDRESS, …]}\n");
    EXPECT_EQ(cluster_brief(cluster_json(cluster())).to_string(false),
              "10.0.0.2  up    differs\nfd00::3   away  agrees\n");
}

TEST(ShowCluster, DisagreementsInWords) {
    const auto words = [](const Disagreement& one) { return text_of(one, "10.0.0.2"); };
    EXPECT_EQ(words({.service = {}, .key = "hash key", .here = "01", .there = "02"}),
              "hash key 01 here, 02 on 10.0.0.2");
    EXPECT_EQ(words({.service = "web", .key = "backend b3", .here = {}, .there = "10.9.9.9"}),
              "service web: backend b3 10.9.9.9 on 10.0.0.2, not here");
    EXPECT_EQ(words({.service = "web", .key = "backend b3", .here = "10.9.9.9", .there = {}}),
              "service web: backend b3 10.9.9.9 here, not on 10.0.0.2");
    EXPECT_EQ(words({.service = "web", .key = {}, .here = {}, .there = "configured"}),
              "service web is on 10.0.0.2, not here");
}

}  // namespace
}  // namespace culvert::lbd
