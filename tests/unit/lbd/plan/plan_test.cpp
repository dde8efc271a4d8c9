// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
// gtest comes first: rapidcheck's header extends it
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "lbd/model/cure.hpp"
#include "lbd/plan/ids.hpp"
#include "lbd/plan/plan.hpp"
#include "lbd/plan/template.hpp"
#include "tests/unit/lbd/address.hpp"
#include "tests/unit/lbd/plan/maps.hpp"
#include "tests/unit/lbd/plan/services.hpp"

namespace culvert::lbd {
namespace {

TEST(Plan, ARangeOfPortsIsAnEntryForEach) {
    Service web = service("web", "192.0.2.1", {backend("10.0.0.2")});
    web.ports = {{Protocol::tcp, 80, 82}, {Protocol::udp, 65535}};
    const Image image = planned({web});
    EXPECT_EQ(image.vips.size(), 1U + 3U + 1U);
    for (std::uint16_t port = 80; port <= 82; ++port) EXPECT_EQ(image.vips.at({web.vip, 6, port}).ring_size, 101U);
    EXPECT_TRUE(image.vips.contains({web.vip, 17, 65535}));
}

TEST(Plan, AStickyServiceSaysSo) {
    Service web = service("web", "192.0.2.1", {backend("10.0.0.2")});
    EXPECT_EQ(value_of(planned({web}), web).flags, 0U);
    web.sticky = true;
    EXPECT_EQ(value_of(planned({web}), web).flags, std::uint32_t{LB_SERVICE_STICKY} | LB_SERVICE_EACH);
}

TEST(Plan, ANetworkIsAVipOfItsOwn) {
    Service wide = service("wide", "192.0.2.0", {backend("10.0.0.2")}), narrow = wide;
    wide.vip = *netlink::Prefix::parse("192.0.2.0/24");
    narrow.name = "narrow";
    const Image image = planned({wide, narrow});
    EXPECT_NE(value_of(image, wide).dest_base, value_of(image, narrow).dest_base);
}

TEST(Plan, AVipWithTwoBackends) {
    const auto web = service("web", "192.0.2.1", {backend("10.0.0.2"), backend("10.0.0.3")});
    const Image image = planned({web});

    const lb_service& value = value_of(image, web);
    EXPECT_EQ(value.ring_size, 101U);
    EXPECT_GE(value.dest_base, 1U);
    EXPECT_EQ(image.dests.at(value.dest_base), body_of(web, web.backends[0]));
    EXPECT_EQ(image.dests.at(value.dest_base + 1), body_of(web, web.backends[1]));
    EXPECT_EQ(image.vips.at({web.vip, 0, 0}), lb_service{});
    EXPECT_EQ(image.vips.size(), 2U);
}

TEST(Plan, EveryPortLeadsToTheSameBackends) {
    auto dns = service("dns", "2001:db8::1", {backend("10.0.0.2")});
    dns.ports = {{Protocol::udp, 53}, {Protocol::tcp, 53}, {Protocol::tcp, 0}};
    const Image image = planned({dns});
    EXPECT_EQ(image.vips.size(), 4U);
    lb_service udp = image.vips.at({dns.vip, 17, 53});
    EXPECT_EQ(std::exchange(udp.flags, 0), std::uint32_t{LB_SERVICE_EACH});
    EXPECT_EQ(udp, image.vips.at({dns.vip, 6, 53}));
    EXPECT_EQ(udp, image.vips.at({dns.vip, 6, 0}));
}

TEST(Plan, ServicesWithAlikeBackendsShareATable) {
    const auto a = service("a", "192.0.2.1", {backend("10.0.0.2"), backend("10.0.0.3")});
    const auto b = service("b", "192.0.2.2", {backend("10.0.0.3"), backend("10.0.0.2")});
    const auto c = service("c", "192.0.2.3", {backend("10.0.0.2"), backend("10.0.0.3", 7)});
    const Image image = planned({a, b, c});
    EXPECT_EQ(value_of(image, a).ring, value_of(image, b).ring);
    EXPECT_NE(value_of(image, a).dest_base, value_of(image, b).dest_base);
    EXPECT_NE(value_of(image, a).ring, value_of(image, c).ring);
    EXPECT_EQ(image.tables.size(), 2U);
}

TEST(Plan, DrainedAndWeightlessBackendsKeepTheirFlowsOnly) {
    auto web = service("web", "192.0.2.1", {backend("10.0.0.2"), backend("10.0.0.3", 0), backend("10.0.0.4")});
    web.backends[2].state = BackendState::drain;
    const Image image = planned({web});
    ASSERT_EQ(image.tables.size(), 1U);
    EXPECT_EQ(image.tables.begin()->second.ring.contenders, (std::vector<Contender>{{0, "10.0.0.2", 1}}));
    for (const std::uint32_t i : {0U, 1U, 2U})
        EXPECT_EQ(image.dests.at(value_of(image, web).dest_base + i).action, LB_ACTION_ENCAP);
}

TEST(Plan, WithoutActiveBackendsThereIsNoTable) {
    const auto web = service("web", "192.0.2.1", {backend("10.0.0.2", 0)});
    const Image image = planned({web});
    EXPECT_EQ(value_of(image, web).ring_size, 0U);
    EXPECT_TRUE(image.tables.empty());
}

TEST(Plan, AnUnreachableBackendDropsForItsReason) {
    const auto web = service("web", "192.0.2.1", {backend("10.0.0.2"), backend("10.0.0.3")});
    Hops hops = hops_of({web});
    hops[address("10.0.0.3")] = tl::unexpected(LB_DROP_NO_NEIGHBOUR);
    const auto image = plan({web}, hops, {}, {});
    ASSERT_TRUE(image);
    EXPECT_EQ(image->dests.at(value_of(*image, web).dest_base + 1), drop_body(LB_DROP_NO_NEIGHBOUR));
}

TEST(Plan, ABackendKeepsItsIdWhenOthersComeAndGo) {
    const auto before = service("web", "192.0.2.1", {backend("10.0.0.2"), backend("10.0.0.4")});
    const auto after = service("web", "192.0.2.1", {backend("10.0.0.1"), backend("10.0.0.4")});
    const Image first = planned({before});
    const Image second = planned({after}, first);
    EXPECT_EQ(second.ids.at("web").current("10.0.0.4"), first.ids.at("web").current("10.0.0.4"));
    EXPECT_FALSE(second.dests.contains(*first.ids.at("web").current("10.0.0.2")));
    EXPECT_NE(second.ids.at("web").current("10.0.0.1"), first.ids.at("web").current("10.0.0.2"));

    const Image third = planned({before}, second);
    EXPECT_EQ(third.ids.at("web").current("10.0.0.2"), first.ids.at("web").current("10.0.0.2"));
}

TEST(Plan, AServiceThatOutgrowsItsBlockKeepsTheOldIdsForItsFlows) {
    std::vector<Backend> backends{backend("10.0.0.2")};
    const Image first = planned({service("web", "192.0.2.1", backends), service("next", "192.0.2.2", backends)});
    for (int i = 3; i < 20; ++i) backends.push_back(backend("10.0.0." + std::to_string(i)));
    const auto grown = service("web", "192.0.2.1", backends);
    const Image second = planned({grown}, first);

    const auto old_id = *first.ids.at("web").current("10.0.0.2");
    const auto new_id = *second.ids.at("web").current("10.0.0.2");
    EXPECT_NE(old_id, new_id);
    EXPECT_EQ(second.dests.at(old_id), body_of(grown, backends[0]));
    EXPECT_EQ(second.dests.at(new_id), body_of(grown, backends[0]));
}

TEST(Plan, AFullMapIsAnError) {
    const auto web = service("web", "192.0.2.1", {backend("10.0.0.2")});
    const auto expect_full = [&](const Limits& limits, const std::string& message) {
        const auto image = plan({web}, hops_of({web}), {}, limits);
        ASSERT_FALSE(image);
        EXPECT_EQ(image.error().message(), message);
    };
    constexpr auto cure = " (restart lbd: it then forgets backends that are gone and have no flows)";
    expect_full({.vips4 = 1},
                std::string("plan IPv4 VIPs: No space left on device: the map has room for 1 ports") + cure);
    expect_full(
        {.ring_lines = 4},
        std::string("plan a table of 101 entries: No space left on device: the map has room for 128 entries") + cure);
    expect_full({.dests = 4},
                std::string("assign destination ids service web: No space left on device: the map has 4") + cure);
}

TEST(Plan, WhatNobodyUsesMakesRoomAfterARestart) {
    SCOPED_TRACE("cure of maps_full");
    std::vector<Backend> backends;
    for (int i = 1; i <= 10; ++i) backends.push_back(backend("10.0.0." + std::to_string(i)));
    const Service former = service("former", "192.0.2.1", backends), next = service("next", "192.0.2.2", backends);
    Image gone = planned({}, planned({former}));
    const Limits limits{.dests = 24};
    const auto full = plan({next}, hops_of({next}), gone, limits);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().cure, cure_of("maps_full"));
    gone.ids = forget_unused(gone.ids, {next}, [](std::uint32_t) { return false; });
    EXPECT_TRUE(plan({next}, hops_of({next}), gone, limits));
}

TEST(Plan, LimitsLeaveRoomForTwice) {
    EXPECT_EQ(
        limits_for({}),
        (Limits{.vips4 = 1024, .vips6 = 1024, .ring_lines = 1U << 16, .transition_lines = 1U << 14, .dests = 4096}));
    std::vector<Service> services;
    for (int i = 0; i < 1000; ++i) {
        const std::string vip = "192.0." + std::to_string(i / 250) + "." + std::to_string(i % 250);
        services.push_back(service(vip, vip, {backend("10.0.0.2"), backend("10.0.0.3")}));
    }
    EXPECT_EQ(
        limits_for(planned(services)),
        (Limits{.vips4 = 4096, .vips6 = 1024, .ring_lines = 1U << 16, .transition_lines = 1U << 14, .dests = 8192}));
}

TEST(Plan, EachTableHasRoomForOneTransition) {
    Image image;
    for (std::uint32_t i = 0; i < 300; ++i) image.tables[i] = {.line = i, .ring = {.size = 65537, .contenders = {}}};
    const std::uint32_t one = lb_transition_lines(65537);
    const std::uint32_t at_rest = limits_for(image).transition_lines;
    EXPECT_GE(at_rest, 300 * one);
    EXPECT_LT(at_rest, 310 * one);
    for (std::uint32_t i = 0; i < 300; ++i) image.transitions[i] = {.slots = 65537, .because = {}};
    EXPECT_GE(limits_for(image).transition_lines, 900 * one) << "all change again";
}

TEST(Diff, NothingToDoMakesNoEdits) {
    const Image image = planned({service("web", "192.0.2.1", {backend("10.0.0.2")})});
    EXPECT_TRUE(diff(image, image).empty());
    EXPECT_TRUE(diff(image, planned({service("web", "192.0.2.1", {backend("10.0.0.2")})}, image)).empty());
}

TEST(Diff, ANewMacIsOneEdit) {
    const auto web = service("web", "192.0.2.1", {backend("10.0.0.2"), backend("10.0.0.3")});
    const Image before = planned({web});
    Hops hops = hops_of({web});
    hops[address("10.0.0.3")]->destination = *netlink::MacAddress::parse("02:00:00:00:00:99");
    const auto edits = diff(before, *plan({web}, hops, before, {}));
    ASSERT_EQ(edits.size(), 2U);
    EXPECT_EQ(std::get<SetDest>(edits[0]).id, *before.ids.at("web").current("10.0.0.3"));
    EXPECT_TRUE(std::holds_alternative<Settle>(edits[1]));
}

TEST(Diff, ARemovedServiceLosesItsVipFirst) {
    const Image before = planned({service("web", "192.0.2.1", {backend("10.0.0.2")})});
    const auto edits = diff(before, planned({}, before));
    ASSERT_EQ(edits.size(), 4U);
    EXPECT_EQ(std::get<SetVips>(edits[0]).removed.size(), 2U);
    EXPECT_TRUE(std::holds_alternative<Settle>(edits[1]));
    EXPECT_EQ(std::get<SetDest>(edits[2]).body, lb_dest_body{});
    EXPECT_TRUE(std::holds_alternative<Settle>(edits[3]));
}

/// The image once its edits have been made.
Image at_rest(Image image) {
    for (auto& [line, transition] : image.transitions) transition.because.reset();
    return image;
}

RC_GTEST_PROP(Diff, NoPacketSeesHalfAService, ()) {
    // Small maps, so that freed ids are used again.
    const Limits limits{.vips4 = 64, .vips6 = 1, .ring_lines = 60, .transition_lines = 200, .dests = 4096};
    Maps maps;
    Image image;
    const auto any_services =
        rc::gen::map(rc::gen::container<std::vector<std::tuple<int, int, std::uint16_t>>>(rc::gen::tuple(
                         rc::gen::inRange(1, 6), rc::gen::inRange(2, 30), rc::gen::inRange<std::uint16_t>(0, 4))),
                     services_of);
    const auto any_history = rc::gen::scale(0.6, rc::gen::container<std::vector<std::vector<Service>>>(any_services));
    for (const auto& services : *any_history) {
        const auto next = plan(services, hops_of(services), image, limits);
        RC_ASSERT(next.has_value());
        for (const Edit& edit : diff(image, *next, maps.present())) maps.apply(edit);
        maps.expect_equal(*next);
        // The destination stored for a flow still leads to its backend, or to none.
        for (const auto& [name, ids] : image.ids)
            for (const auto& [id, backend] : ids.backends) RC_ASSERT(next->ids.at(name).backends.at(id) == backend);
        image = at_rest(*next);
    }
}

}  // namespace
}  // namespace culvert::lbd
