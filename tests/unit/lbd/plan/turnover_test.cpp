// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/turnover.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "lbd/plan/maglev.hpp"
#include "lbd/reconcile/planner.hpp"
#include "tests/unit/lbd/plan/services.hpp"

namespace culvert::lbd {
namespace {

using Rule = Turnover::Rule;
using testing::ElementsAre;
using testing::IsEmpty;

/// One state after the other.
class Situations {
  public:
    explicit Situations(const Services& services) { plan(services); }

    /// What the change to these services does. It is in force then.
    std::vector<Turnover> change_to(const Services& services, const Health& health = {}) {
        const Services before = planner_.planned()->services;
        const Image image = planner_.image();
        plan(services, health);
        return turnovers({before, image, tables_of(image)}, {services, planner_.image(), tables_of(planner_.image())},
                         difference({before, {}, {}}, {services, {}, {}}));
    }
    /// The only one.
    Turnover change_of(const Services& services, const Health& health = {}) {
        auto all = change_to(services, health);
        EXPECT_EQ(all.size(), 1U);
        return all.empty() ? Turnover() : all.front();
    }
    [[nodiscard]] const Image& image() const { return planner_.image(); }

  private:
    void plan(const Services& services, const Health& health = {}) {
        std::vector<Service> list;
        for (const Service& service : services) list.push_back(service);
        auto draft = planner_.draft({.services = services, .hops = hops_of(list), .health = health}, {});
        ASSERT_TRUE(draft);
        planner_.take(*std::move(draft));
    }
    std::function<MaglevTable(const TablePlace&)> tables_of(const Image& image) {
        return [this, &image](const TablePlace& place) -> MaglevTable {
            for (const auto& [digest, table] : image.tables)
                if (table.line == place.line)
                    return made_.emplace_back(maglev_table(table.ring.contenders, table.ring.size));
            ADD_FAILURE() << "no table at line " << place.line;
            return {};
        };
    }

    Planner planner_{Image()};
    std::deque<std::vector<std::uint16_t>> made_;
};

Service web(const std::vector<std::string>& backends, std::vector<PortSpec> ports = {{Protocol::tcp, 80}}) {
    Service service = lbd::service("web", "192.0.2.1", {});
    service.ports = std::move(ports);
    for (const std::string& name : backends) service.backends.push_back(backend(name));
    return service;
}

const std::vector<std::string> two{"10.0.0.1", "10.0.0.2"}, three{"10.0.0.1", "10.0.0.2", "10.0.0.3"};

TEST(TurnoverTest, ABackendThatComesTakesSlotsAndNoConnections) {
    Situations state({web(two)});
    const Turnover change = state.change_of({web(three)});
    EXPECT_EQ(change.service, "web");
    EXPECT_EQ(change.slots, 101U);
    EXPECT_EQ(change.rule, Rule::stays);
    EXPECT_THAT(change.lost, IsEmpty());
    EXPECT_THAT(changed_slots(change), testing::AllOf(testing::Ge(33U), testing::Le(36U)));
    const auto& now = *state.image().tables.begin();
    const auto table = maglev_table(now.second.ring.contenders, 101);
    const auto was =
        maglev_table(std::vector(now.second.ring.contenders.begin(), now.second.ring.contenders.end() - 1), 101);
    for (std::size_t slot = 0; slot < 101; ++slot) EXPECT_EQ(change.changes_at(slot), table[slot] != was[slot]);
}

TEST(TurnoverTest, ABackendThatGoesLosesItsConnections) {
    Situations state({web(three)});
    const Turnover change = state.change_of({web(two)});
    EXPECT_THAT(change.lost, ElementsAre("10.0.0.3"));
    EXPECT_THAT(changed_slots(change), testing::AllOf(testing::Ge(33U), testing::Le(36U)));
    EXPECT_EQ(change.rule, Rule::stays);
}

TEST(TurnoverTest, ADrainedOneKeepsThem) {
    Situations state({web(three)});
    Service drained = web(three);
    drained.backends[2].state = BackendState::drain;
    const Turnover change = state.change_of({drained});
    EXPECT_THAT(change.lost, IsEmpty());
    EXPECT_GT(changed_slots(change), 0U);
    // It has no slots any more, but connections.
    EXPECT_THAT(state.change_of({web(two)}).lost, ElementsAre("10.0.0.3"));
}

TEST(TurnoverTest, AnotherNameIsNoOtherBackend) {
    Situations state({web(two)});
    Service renamed = web(two);
    renamed.name = "www";
    renamed.backends[0].name = "first";
    // Slots depend on names, so some change.
    const Turnover change = state.change_of({renamed});
    EXPECT_EQ(change.service, "web");
    EXPECT_THAT(change.lost, IsEmpty());
    EXPECT_EQ(change.rule, Rule::stays);
    EXPECT_LT(changed_slots(change), 101U);
}

TEST(TurnoverTest, AnotherAddressIs) {
    Situations state({web(two)});
    Service moved = web(two);
    moved.backends[0].address = address("10.0.0.9");
    const Turnover change = state.change_of({moved});
    EXPECT_THAT(change.lost, ElementsAre("10.0.0.1"));
    EXPECT_THAT(changed_slots(change), testing::AllOf(testing::Ge(50U), testing::Le(51U)));
}

TEST(TurnoverTest, WhatDecidesNothingConcernsNobody) {
    Situations state({web(two)});
    Service other = web(two);
    other.idle = std::chrono::seconds(5);
    other.backends[0].encap = Fou{};
    EXPECT_THAT(state.change_to({other}), IsEmpty());
    EXPECT_THAT(state.change_to({other, service("dns", "192.0.2.2", {backend("10.0.0.1")})}), IsEmpty());
}

TEST(TurnoverTest, AServiceThatGoesLosesAll) {
    Situations state({web(two), service("dns", "192.0.2.2", {backend("10.0.0.1")})});
    const Turnover change = state.change_of({service("dns", "192.0.2.2", {backend("10.0.0.1")})});
    EXPECT_EQ(change.service, "web");
    EXPECT_THAT(change.lost, ElementsAre("10.0.0.1", "10.0.0.2"));
    EXPECT_EQ(changed_slots(change), 101U);
    EXPECT_EQ(change.rule, Rule::stays);
}

TEST(TurnoverTest, SoDoesOneWithAnotherVip) {
    Situations state({web(two)});
    Service moved = web(two);
    moved.vip = address("192.0.2.9");
    EXPECT_THAT(state.change_of({moved}).lost, ElementsAre("10.0.0.1", "10.0.0.2"));
}

TEST(TurnoverTest, NobodyKnowsWhoseThePortWas) {
    const std::vector<PortSpec> both{{Protocol::tcp, 80}, {Protocol::tcp, 443}};
    Situations state({web(two, both)});
    EXPECT_EQ(state.change_of({web(two)}).rule, Rule::unknown);
    EXPECT_THAT(state.change_to({web(two, both)}), IsEmpty()) << "a port that comes";
    Service other = web(two, {{Protocol::tcp, 443}});
    other.name = "other";
    EXPECT_EQ(state.change_of({web(two), other}).rule, Rule::unknown) << "a port that another service gets";
}

TEST(TurnoverTest, ANetworkLosesAPart) {
    Service network = web(two);
    network.vip = netlink::Prefix{address("192.0.2.0"), 24};
    network.name = "network";
    Situations state({network});
    EXPECT_THAT(state.change_to({network, web(three, {{Protocol::udp, 5}})}), testing::SizeIs(1));
    Situations again({network});
    const Turnover change = again.change_of({network, web(three)});
    EXPECT_EQ(change.service, "network");
    EXPECT_EQ(change.rule, Rule::unknown);
    // What is there already takes nothing.
    EXPECT_EQ(again.change_of({network, web(two)}).service, "web");
}

TEST(TurnoverTest, FlowsThatAreTrackedNoLongerFollowTheTable) {
    Situations state({web(two)});
    Service untracked = web(three);
    untracked.track = Track::none;
    EXPECT_EQ(state.change_of({untracked}).rule, Rule::table);
    EXPECT_EQ(state.change_of({web(two)}).rule, Rule::untracked) << "nobody knows them";
    Service sticky = untracked;
    sticky.sticky = true;
    EXPECT_EQ(state.change_of({sticky}).rule, Rule::unknown) << "slots are clients'";
}

TEST(TurnoverTest, StickySlotsAreClients) {
    Service sticky = web(two);
    sticky.sticky = true;
    Situations state({sticky});
    sticky = web(three);
    sticky.sticky = true;
    const Turnover change = state.change_of({sticky});
    EXPECT_TRUE(change.by_client);
    EXPECT_EQ(change.rule, Rule::stays);
    EXPECT_GT(changed_slots(change), 0U);
}

TEST(TurnoverTest, AllSlotsOfAnotherTableAreOthers) {
    Situations state({web(two)});
    Service larger = web(two);
    larger.table_size = 211;
    const Turnover change = state.change_of({larger});
    EXPECT_EQ(change.slots, 101U);
    EXPECT_EQ(changed_slots(change), 101U);
    EXPECT_THAT(change.lost, IsEmpty());
}

TEST(TurnoverTest, UdpLeavesABackendThatIsToSaySorry) {
    const std::vector<PortSpec> udp{{Protocol::udp, 53}};
    const auto with_sorry = [](Service service) {
        service.backends[2].state = BackendState::sorry;
        return service;
    };
    Situations state({web(three, udp)});
    EXPECT_THAT(state.change_of({with_sorry(web(three, udp))}).lost, ElementsAre("10.0.0.3"));
    Situations connections({web(three)});
    EXPECT_THAT(connections.change_of({with_sorry(web(three))}).lost, IsEmpty());
    const std::vector<PortSpec> both{{Protocol::udp, 53}, {Protocol::tcp, 53}};
    Situations mixed({web(three, both)});
    EXPECT_EQ(mixed.change_of({with_sorry(web(three, both))}).rule, Rule::unknown);
}

TEST(TurnoverTest, AlikeServicesShareTheirSlots) {
    const auto more = [](const std::vector<std::string>& backends) {
        Service second = web(backends);
        second.name = "second";
        second.vip = address("192.0.2.2");
        return second;
    };
    Situations state({web(two), more(two)});
    const auto changes = state.change_to({web(three), more(three)});
    ASSERT_EQ(changes.size(), 2U);
    EXPECT_EQ(changes[0].changes, changes[1].changes);
}

TEST(TurnoverTest, ABackendThatIsDownKeepsConnectionsOnlyIfTheyMay) {
    Service keeps = web(three);
    keeps.health = HealthCheck{.kind = TcpCheck(), .on_failure = OnFailure::keep};
    Situations state({keeps});
    const Health health{{{"web", "10.0.0.3"}, {.up = false}}};
    Service moves = keeps;
    moves.health->on_failure = OnFailure::move;
    EXPECT_THAT(state.change_of({moves}, health).lost, ElementsAre("10.0.0.3"));
}

}  // namespace
}  // namespace culvert::lbd
