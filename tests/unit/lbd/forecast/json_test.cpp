// SPDX-License-Identifier: Apache-2.0
#include "lbd/forecast/json.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

using Rule = Turnover::Rule;

Turnover quarter(const std::string& service, Rule rule = Rule::stays) {
    std::vector<bool> changes(100);
    for (std::size_t slot = 0; slot < 25; ++slot) changes[slot] = true;
    return {.service = service,
            .slots = 100,
            .changes = std::make_shared<const std::vector<bool>>(std::move(changes)),
            .lost = {},
            .rule = rule};
}

Forecast some_forecast() {
    return {
        .changes = {{"service web: backend b2: weight", "1", "2"}, {"service dns", "192.0.2.2 53/udp, 1 backend", ""}},
        .turnovers = {quarter("web"), quarter("dns", Rule::untracked), quarter("old", Rule::unknown)},
        .here = {{.live = 40, .stay = 9, .move = 1}, {}, {.live = 7}},
        .balancer = {},
        .peers = {}};
}

TEST(ForecastText, NothingToChange) {
    const auto json = forecast_json({});
    EXPECT_FALSE(changes_anything(json));
    EXPECT_EQ(forecast_text(json, false), "nothing to change\n");
}

TEST(ForecastText, NothingThatConcernsConnections) {
    const auto json = forecast_json({.changes = {{"metrics", "127.0.0.1:9477", "off"}}});
    EXPECT_TRUE(changes_anything(json));
    EXPECT_EQ(forecast_text(json, false),
              "~ metrics: 127.0.0.1:9477 -> off\nno backend of a slot or connection changes\n");
}

TEST(ForecastText, Services) {
    EXPECT_EQ(forecast_text(forecast_json(some_forecast()), false),
              "~ service web: backend b2: weight: 1 -> 2\n"
              "- service dns: 192.0.2.2 53/udp, 1 backend\n"
              "SERVICE  SLOTS      CHANGE  LIVE  STAY  MOVE\n"
              "web        100  25 (25.0%)    40     9     1\n"
              "dns        100  25 (25.0%)     -     -     -\n"
              "old        100  25 (25.0%)     7     -     -\n"
              "service dns: its flows are not tracked (track: none): those in slots that change move\n"
              "service old: ports, addresses or UDP flows go elsewhere, and the flow table does not tell whose "
              "connections that are\n");
}

TEST(ForecastText, WhatIsMissingIsNoZero) {
    Forecast forecast = some_forecast();
    forecast.turnovers = {quarter("web"), quarter("shop")};
    forecast.here = {{.live = 40, .stay = 9, .move = 1}, {.live = 2, .stay = 2, .move = 0}};
    forecast.balancer = "lb1";
    forecast.peers = {
        {.address = address("10.0.0.12"),
         .name = "lb2",
         .of = {{.count = {.live = 60, .stay = 16, .move = 0, .estimated = true}}, {.missing = "another table there"}}},
        {.address = address("10.0.0.13"), .missing = "away: not connected yet"}};
    const std::string text = forecast_text(forecast_json(forecast), false);
    EXPECT_THAT(text, testing::EndsWith("BALANCER                 LIVE  STAY  MOVE  MISSING\n"
                                        "lb1 (here)                 42    11     1\n"
                                        "10.0.0.12 lb2             ~60   ~16    ~0  shop: another table there\n"
                                        "10.0.0.13                   -     -     -  away: not connected yet\n"
                                        "all but what is missing  ~102   ~27    ~1\n"));
    const auto json = forecast_json(forecast);
    EXPECT_FALSE(json["peers"][1].contains("services"));
    EXPECT_FALSE(json["peers"][0]["services"][1].contains("move"));
}

TEST(ForecastText, ASumOfNothingIsUnknown) {
    Forecast forecast = some_forecast();
    forecast.turnovers = {quarter("dns", Rule::untracked)};
    forecast.here = {{}};
    forecast.balancer = "lb1";
    forecast.peers = {{.address = address("10.0.0.12"), .name = "lb2", .of = {{}}},
                      {.address = address("10.0.0.13"), .missing = "away: not connected yet"}};
    EXPECT_THAT(forecast_text(forecast_json(forecast), false),
                testing::EndsWith("BALANCER                 LIVE  STAY  MOVE  MISSING\n"
                                  "lb1 (here)                  -     -     -  dns: see above\n"
                                  "10.0.0.12 lb2               -     -     -  dns: see above\n"
                                  "10.0.0.13                   -     -     -  away: not connected yet\n"
                                  "all but what is missing     -     -     -\n"));
}

TEST(ForecastText, UnknownServicesAreMissingInSums) {
    Forecast forecast = some_forecast();
    forecast.balancer = "lb1";
    forecast.peers = {{.address = address("10.0.0.12"),
                       .name = "lb2",
                       .of = {{.count = {.live = 60, .stay = 16, .move = 2}}, {}, {}}}};
    EXPECT_THAT(forecast_text(forecast_json(forecast), false),
                testing::EndsWith("BALANCER                 LIVE  STAY  MOVE  MISSING\n"
                                  "lb1 (here)                 47     9     1  2 services: see above\n"
                                  "10.0.0.12 lb2              60    16     2  2 services: see above\n"
                                  "all but what is missing   107    25     3\n"));
    EXPECT_EQ(forecast_json(forecast)["peers"][0]["services"].size(), 1U);
}

TEST(ForecastText, WhoStaysInStickyServicesIsUnknown) {
    Forecast forecast = some_forecast();
    forecast.turnovers = {quarter("web")};
    forecast.turnovers[0].by_client = true;
    forecast.here = {{.live = 40, .stay = 0, .move = 1}};
    forecast.balancer = "lb1";
    forecast.peers = {{.address = address("10.0.0.12"), .name = "lb2", .of = {{.count = {.live = 2, .move = 2}}}}};
    const auto json = forecast_json(forecast);
    EXPECT_FALSE(json["services"][0].contains("stay"));
    EXPECT_FALSE(json["peers"][0]["services"][0].contains("stay"));
    EXPECT_THAT(forecast_text(json, false), testing::HasSubstr("service web: sticky: "));
    EXPECT_THAT(forecast_text(json, false),
                testing::EndsWith("BALANCER                 LIVE  STAY  MOVE  MISSING\n"
                                  "lb1 (here)                 40     -     1  web: see above\n"
                                  "10.0.0.12 lb2               2     -     2  web: see above\n"
                                  "all but what is missing    42     -     3\n"));
    forecast.turnovers[0].changes = {};  // then nobody is in such a slot
    EXPECT_EQ(forecast_json(forecast)["services"][0]["stay"], 0);
}

}  // namespace
}  // namespace culvert::lbd
