// SPDX-License-Identifier: Apache-2.0
#include "lbd/announce/standing.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace culvert::lbd {
namespace {

using enum Condition;

/// Backends by name: their state, weight and condition.
struct Seen {
    BackendState state = BackendState::active;
    Condition condition = up;
    std::uint16_t weight = 1;
};

Condition standing(const std::map<std::string, Seen>& backends, std::uint16_t minimum = 1) {
    Service service{.name = "web", .health = HealthCheck{.minimum = minimum}};
    for (const auto& [name, seen] : backends)
        service.backends.push_back({.name = name, .weight = seen.weight, .state = seen.state});
    return standing_of(service, [&](const Backend& backend) { return backends.at(backend.name).condition; });
}

TEST(Standing, AServiceIsUpWithEnoughBackendsThatTakeFlows) {
    EXPECT_EQ(standing({{"a", {}}, {"b", {.condition = down}}}), up);
    EXPECT_EQ(standing({{"a", {.condition = down}}, {"b", {.condition = down}}}), down);
    EXPECT_EQ(standing({{"a", {}}, {"b", {.condition = down}}}, 2), down);
    EXPECT_EQ(standing({{"a", {.state = BackendState::drain}}, {"b", {.weight = 0}}}), down);
}

TEST(Standing, ItIsUnknownWhileItDependsOnWhoIsNotChecked) {
    EXPECT_EQ(standing({{"a", {.condition = unknown}}}), unknown);
    EXPECT_EQ(standing({{"a", {.condition = unknown}}, {"b", {}}}), up);
    EXPECT_EQ(standing({{"a", {.condition = unknown}}, {"b", {}}}, 2), unknown);
    EXPECT_EQ(standing({{"a", {.condition = unknown}}, {"b", {.condition = down}}}, 2), down);
}

TEST(Standing, SorryBackendsAlsoTakeFlows) {
    const Seen sorry{.state = BackendState::sorry};
    EXPECT_EQ(standing({{"a", {.condition = down}}, {"s", sorry}}), up);
    EXPECT_EQ(standing({{"a", {.condition = down}}, {"s", {.state = BackendState::sorry, .condition = down}}}), down);
    EXPECT_EQ(standing({{"a", {.condition = down}}, {"s", {.state = BackendState::sorry, .condition = unknown}}}),
              unknown);
    EXPECT_EQ(standing({{"a", {.condition = unknown}}, {"s", {.state = BackendState::sorry, .condition = down}}}),
              unknown);
    EXPECT_EQ(standing({{"a", {.condition = down}}, {"s", {.state = BackendState::drained_sorry}}}), down);
}

TEST(Standing, WithoutChecksOneBackendIsEnough) {
    const Service service{.name = "web", .backends = {{.name = "a"}, {.name = "b"}}};
    EXPECT_EQ(standing_of(service, [](const Backend& backend) { return backend.name == "a" ? up : down; }), up);
    EXPECT_EQ(standing_of(service, [](const Backend&) { return down; }), down);
}

}  // namespace
}  // namespace culvert::lbd
