// SPDX-License-Identifier: Apache-2.0
#include "lbd/cluster/view.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

Service web_service() {
    Service service{.name = "web", .vip = address("192.0.2.1"), .ports = {{Protocol::tcp, 443}, {Protocol::tcp, 80}}};
    service.backends = {{.name = "b1", .address = address("10.0.0.1"), .encap = Gue{.port = 5080}},
                        {.name = "b2", .address = address("10.0.0.2"), .encap = Ipip{}, .weight = 10}};
    return service;
}

std::string value(const ServiceView& view, const std::string& key) {
    const auto found = std::ranges::find(view.lines, key, &ViewLine::key);
    return found == view.lines.end() ? "" : found->value;
}

TEST(View, HasALineForEachThing) {
    const ServiceView view = view_of(web_service(), {{{"web", "b1"}, {.up = false}}});
    EXPECT_EQ(value(view, "vip"), "192.0.2.1");
    EXPECT_EQ(value(view, "ports"), "443/tcp, 80/tcp");
    EXPECT_EQ(value(view, "backend b1"), "10.0.0.1");
    EXPECT_EQ(value(view, "backend b1: encap"), "gue port 5080 variant 0 inner ip checksum auto");
    EXPECT_EQ(value(view, "backend b1: health"), "down");
    EXPECT_EQ(value(view, "backend b2: weight"), "10");
    EXPECT_TRUE(std::ranges::is_sorted(view.lines));
}

TEST(View, TheOrderOfBackendsAndPortsDoesNotMatter) {
    Service other = web_service();
    std::ranges::reverse(other.backends);
    std::ranges::reverse(other.ports);
    EXPECT_EQ(view_of(other, {}), view_of(web_service(), {}));
}

TEST(View, OnlyWhatDecidesTheTableChangesItsDigest) {
    const ServiceView before = view_of(web_service(), {});
    const auto after = [&](auto&& change) {
        Service service = web_service();
        change(service);
        return view_of(service, {});
    };
    const ServiceView moved = after([](Service& one) { one.backends[0].encap = Ipip{}; });
    EXPECT_EQ(moved.table, before.table);
    EXPECT_NE(moved.whole, before.whole);
    EXPECT_NE(after([](Service& one) { one.backends[0].weight = 2; }).table, before.table);
    EXPECT_NE(after([](Service& one) { one.backends[0].name = "b3"; }).table, before.table);
    EXPECT_NE(after([](Service& one) { one.backends[0].state = BackendState::drain; }).table, before.table);
    EXPECT_NE(after([](Service& one) { one.table_size = 257; }).table, before.table);
    EXPECT_NE(view_of(web_service(), {{{"web", "b1"}, {.up = false}}}).table, before.table);
    EXPECT_NE(view_of(web_service(), {{{"web", "b1"}, {.up = true, .percent = 30}}}).table, before.table);
}

TEST(View, SorryBackendsHaveTheTableOnlyWhenTheServiceIsDown) {
    Service service = web_service();
    service.health = HealthCheck{};
    service.backends.push_back({.name = "sorry", .address = address("10.0.0.9"), .state = BackendState::sorry});
    const Health down{{{"web", "b1"}, {.up = false}}, {{"web", "b2"}, {.up = false}}};
    EXPECT_EQ(view_of(service, {}).table, view_of(web_service(), {}).table);
    EXPECT_NE(view_of(service, down).table, view_of(web_service(), down).table);
}

}  // namespace
}  // namespace culvert::lbd
