// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "lbd/watch/rates.hpp"

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;

Json backend(const char* name, int packets, int bytes, int new_flows, bool reachable = true) {
    Json json{{"service", "web"}, {"name", name},           {"state", "active"}, {"packets", packets},
              {"bytes", bytes},   {"new_flows", new_flows}, {"live_flows", 3}};
    if (reachable) json["mac"] = "02:00:00:00:00:30";
    return json;
}

Snapshot snapshot(double time, std::vector<Json> backends, int ttl) {
    const auto drop = [](const char* reason, int packets) { return Json{{"reason", reason}, {"packets", packets}}; };
    return {.time = std::chrono::duration<double>(time),
            .backends = std::move(backends),
            .counters = {{"dropped", Json::array({drop("ttl", ttl), drop("no_route", 7)})}}};
}

TEST(WatchRates, PerSecondOfBackendsServicesAndAll) {
    const Json seen = rates(snapshot(100, {backend("a", 10, 1000, 1), backend("b", 5, 500, 0)}, 1),
                            snapshot(102, {backend("a", 30, 3000, 4), backend("b", 6, 600, 0, false)}, 4));
    EXPECT_EQ(seen, Json::parse(R"({
        "seconds": 2.0, "packets": 10.5, "bits": 8400.0, "new_flows": 1.5,
        "services": [{"name": "web", "packets": 10.5, "bits": 8400.0, "new_flows": 1.5, "live_flows": 6, "backends": [
            {"name": "a", "state": "active", "reachable": true, "packets": 10.0, "bits": 8000.0, "new_flows": 1.5,
             "live_flows": 3},
            {"name": "b", "state": "active", "reachable": false, "packets": 0.5, "bits": 400.0, "new_flows": 0.0,
             "live_flows": 3}]}],
        "dropped": [{"reason": "ttl", "packets": 1.5}]})"));
}

TEST(WatchRates, NewBackendsAndCountersThatBeginAnewHaveNoRateYet) {
    const Json seen = rates(snapshot(1, {backend("a", 10, 1000, 1)}, 9),
                            snapshot(2, {backend("a", 3, 300, 0), backend("new", 500, 5000, 50)}, 2));
    EXPECT_EQ(seen["packets"], 0.0);
    EXPECT_EQ(seen["dropped"], Json::array());
    EXPECT_EQ(seen["services"][0]["backends"].size(), 2U);
}

TEST(WatchTable, ServicesWithTheirBackendsThenDrops) {
    const Json seen = rates(snapshot(0, {backend("a", 0, 0, 0), backend("b", 0, 0, 0)}, 0),
                            snapshot(1, {backend("a", 12'345, 1'000'000, 7), backend("b", 0, 0, 0, false)}, 2));
    EXPECT_EQ(to_table(seen, false),
              "SERVICE  BACKEND  STATE        PACKETS/S  BIT/S  NEW FLOWS/S  LIVE FLOWS\n"
              "web                                12.3k   8.0M            7           6\n"
              "         a        active           12.3k   8.0M            7           3\n"
              "         b        unreachable          0      0            0           3\n"
              "dropped ttl: 2 packets/s\n");
}

TEST(WatchTable, ABackendThatFailsItsChecksIsDown) {
    Json down = backend("a", 0, 0, 0);
    down["health"] = "down";
    const Json seen = rates(snapshot(0, {down}, 0), snapshot(1, {down}, 0));
    EXPECT_EQ(seen["services"][0]["backends"][0]["health"], "down");
    EXPECT_NE(to_table(seen, false).find("         a        down "), std::string::npos) << to_table(seen, false);
}

}  // namespace
}  // namespace culvert::lbd
