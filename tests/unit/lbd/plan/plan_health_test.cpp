// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "lbd/plan/plan.hpp"
#include "tests/unit/lbd/address.hpp"
#include "tests/unit/lbd/plan/maps.hpp"
#include "tests/unit/lbd/plan/services.hpp"

namespace culvert::lbd {
namespace {

/// The content of the maps when these backends of service "web" are down.
Image planned_without(const Service& service, const std::set<std::string>& down, const Image& before = {}) {
    Health health;
    for (const std::string& name : down) health[{service.name, name}] = {.up = false};
    return *plan({service}, hops_of({service}), before, {}, health);
}

std::vector<std::string> names(const Image& image) {
    std::vector<std::string> names;
    for (const auto& [digest, table] : image.tables)
        for (const Contender& contender : table.ring.contenders) names.push_back(contender.name);
    return names;
}

std::vector<std::uint32_t> weights(const Image& image) {
    std::vector<std::uint32_t> weights;
    for (const auto& [digest, table] : image.tables)
        for (const Contender& contender : table.ring.contenders) weights.push_back(contender.weight);
    return weights;
}

Service checked_service() {
    Service web = service("web", "192.0.2.1", {backend("10.0.0.1"), backend("10.0.0.2"), backend("10.0.0.3")});
    web.health = HealthCheck{};
    return web;
}

TEST(PlanHealth, WhoIsDownTakesNoNewFlowsAndItsFlowsMove) {
    const Service web = checked_service();
    const Image before = planned({web});
    const Image after = planned_without(web, {"10.0.0.2"}, before);
    EXPECT_EQ(names(after), (std::vector<std::string>{"10.0.0.1", "10.0.0.3"}));
    const ServiceIds& ids = after.ids.at("web");
    for (const Backend& one : web.backends) {
        const lb_dest_body& body = after.dests.at(*ids.current(one.name));
        EXPECT_EQ(body.flags & LB_DEST_LEFT, one.name == "10.0.0.2" ? LB_DEST_LEFT : 0);
        EXPECT_EQ(body.action, LB_ACTION_ENCAP) << "probes still go there";
    }

    Maps maps;
    for (const Edit& edit : diff({}, before)) maps.apply(edit);
    for (const Edit& edit : diff(before, after, maps.present())) maps.apply(edit);
    maps.expect_equal(after);
    for (const Edit& edit : diff(after, before)) maps.apply(edit);
    maps.expect_equal(before);
}

TEST(PlanHealth, FlowsOfWhoIsDownAreKeptOnRequest) {
    Service web = checked_service();
    web.health->on_failure = OnFailure::keep;
    const Image image = planned_without(web, {"10.0.0.2"});
    EXPECT_EQ(names(image), (std::vector<std::string>{"10.0.0.1", "10.0.0.3"}));
    auto wanted = planned({web}).dests;
    wanted.at(2).flags |= LB_DEST_DOWN;  // for the next lbd
    EXPECT_EQ(image.dests, wanted);
}

TEST(PlanHealth, BelowTheMinimumTheServiceIsDown) {
    Service web = checked_service();
    web.health->minimum = 2;
    EXPECT_EQ(value_of(planned_without(web, {"10.0.0.1"}), web).flags & LB_SERVICE_DOWN, 0);
    const lb_service down = value_of(planned_without(web, {"10.0.0.1", "10.0.0.2"}), web);
    EXPECT_EQ(down.flags & LB_SERVICE_DOWN, LB_SERVICE_DOWN);
    EXPECT_EQ(down.ring_size, 0);
}

TEST(PlanHealth, TheSorryBackendAnswersOnlyWhileTheServiceIsDown) {
    Service web = checked_service();
    web.backends.back().state = BackendState::sorry;
    EXPECT_EQ(names(planned({web})), (std::vector<std::string>{"10.0.0.1", "10.0.0.2"}));
    EXPECT_EQ(names(planned_without(web, {"10.0.0.1"})), std::vector<std::string>{"10.0.0.2"});
    EXPECT_EQ(names(planned_without(web, {"10.0.0.1", "10.0.0.2"})), std::vector<std::string>{"10.0.0.3"});
    EXPECT_EQ(names(planned_without(web, {"10.0.0.1", "10.0.0.2", "10.0.0.3"})), std::vector<std::string>{});
}

TEST(PlanHealth, UdpLeavesTheSorryBackendWhileOthersAnswer) {
    Service web = checked_service();
    web.backends.back().state = BackendState::sorry;
    const auto marked = [&](const std::set<std::string>& down) {
        std::vector<std::string> names;
        const Image image = planned_without(web, down);
        for (const Backend& one : web.backends)
            if ((image.dests.at(*image.ids.at("web").current(one.name)).flags & LB_DEST_SORRY) != 0)
                names.push_back(one.name);
        return names;
    };
    const std::vector<std::string> sorry{"10.0.0.3"};
    EXPECT_EQ(marked({}), sorry);
    EXPECT_EQ(marked({"10.0.0.1"}), sorry);
    EXPECT_EQ(marked({"10.0.0.1", "10.0.0.2"}), std::vector<std::string>{});
    web.health->minimum = 2;
    EXPECT_EQ(marked({"10.0.0.1"}), std::vector<std::string>{});
    EXPECT_EQ(marked({}), sorry);
    web.backends.back().state = BackendState::drained_sorry;
    EXPECT_EQ(marked({}), sorry);
    EXPECT_EQ(names(planned_without(web, {"10.0.0.1", "10.0.0.2"})), std::vector<std::string>{});
    web.backends.back().state = BackendState::sorry;
    web.health.reset();
    for (const std::size_t i : {0U, 1U}) web.backends[i].weight = 0;
    EXPECT_EQ(names(planned({web})), sorry);
    EXPECT_EQ(marked({}), std::vector<std::string>{}) << "the others take no flows";
    web.backends[0].weight = 1;
    EXPECT_EQ(marked({}), sorry);

    Service dns = web;
    dns.name = "dns";
    dns.vip = address("192.0.2.53");
    dns.backends[0].weight = 0;
    const Image both = planned({web, dns});
    EXPECT_NE(both.dests.at(*both.ids.at("web").current("10.0.0.3")).flags & LB_DEST_SORRY, 0);
    EXPECT_EQ(both.dests.at(*both.ids.at("dns").current("10.0.0.3")).flags & LB_DEST_SORRY, 0)
        << "it stands in for one service, not for the other";
}

TEST(PlanHealth, ASlowStartIsAPartOfTheWeight) {
    Service web = checked_service();
    web.backends[1].weight = 3;
    Health health;
    health[{"web", "10.0.0.2"}] = {.up = true, .percent = 10};
    EXPECT_EQ(weights(*plan({web}, hops_of({web}), {}, {}, health)), (std::vector<std::uint32_t>{100, 30, 100}));
    health[{"web", "10.0.0.2"}] = {};
    EXPECT_EQ(weights(*plan({web}, hops_of({web}), {}, {}, health)), (std::vector<std::uint32_t>{1, 3, 1}))
        << "then the table is the same as on all balancers";
}

}  // namespace
}  // namespace culvert::lbd
