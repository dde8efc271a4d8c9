// SPDX-License-Identifier: Apache-2.0
#include "lbd/announce/plan.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <string>
#include <vector>

#include "lbd/announce/routes.hpp"
#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using Change = AnnouncePlan::Change;

const Vip vip_a = address("192.0.2.1");
const Vip vip_b = address("2001:db8::1");

/// An lbd that announces: time passes by `after`, and `states` says what is decided.
class AnnouncePlanTest : public testing::Test {
  protected:
    AnnouncePlanTest() {
        config_.announce = Announce{.hold = 3s};
        serve({{.name = "web", .vip = vip_a}, {.name = "dns", .vip = vip_a}, {.name = "six", .vip = vip_b}});
        standings_ = {{"web", Condition::down}, {"dns", Condition::down}, {"six", Condition::down}};
    }

    void serve(const std::vector<Service>& services) { config_.services = Services(services); }

    std::string after(std::chrono::milliseconds time) {
        now_ += time;
        plan_.follow(config_, standings_, wish_, now_);
        std::string states;
        for (const Announcement& one : plan_.announcements(now_))
            states += (states.empty() ? "" : " ") + std::string(words_of(one.state).name);
        return states;
    }

    Config config_;
    Standings standings_;
    AnnounceWish wish_;
    AnnouncePlan plan_;
    AnnouncePlan::Time now_{1h};
};

TEST_F(AnnouncePlanTest, AVipAppearsAfterTheHoldAndDisappearsAtOnce) {
    EXPECT_EQ(after(0s), "down down");
    standings_["web"] = Condition::up;
    EXPECT_EQ(after(1s), "held down");
    EXPECT_EQ(plan_.announcements(now_)[0].wait, 3s);
    EXPECT_EQ(plan_.due(), now_ + 3s);
    EXPECT_EQ(after(2999ms), "held down");
    EXPECT_EQ(after(1ms), "up down");
    EXPECT_THAT(plan_.changes(), ElementsAre(Change{vip_a, true, "its services are up"}));
    EXPECT_EQ(plan_.due(), std::nullopt);
    standings_["web"] = Condition::down;
    EXPECT_EQ(after(1s), "down down");
    EXPECT_THAT(plan_.changes(), ElementsAre(Change{vip_a, false, "web, dns: too few backends take new flows"}));
}

TEST_F(AnnouncePlanTest, TheHoldBeginsAnewIfAServiceIsDownInBetween) {
    standings_["web"] = Condition::up;
    EXPECT_EQ(after(0s), "held down");
    standings_["web"] = Condition::down;
    EXPECT_EQ(after(2s), "down down");
    standings_["web"] = Condition::up;
    EXPECT_EQ(after(1s), "held down");
    EXPECT_EQ(after(2s), "held down");
    EXPECT_EQ(after(1s), "up down");
}

TEST_F(AnnouncePlanTest, OneServiceIsEnoughUnlessAllAreWanted) {
    config_.announce->hold = 0s;
    standings_ = {{"web", Condition::up}, {"dns", Condition::down}, {"six", Condition::up}};
    EXPECT_EQ(after(0s), "up up");
    config_.announce->when = AnnounceWhen::all;
    EXPECT_EQ(after(0s), "down up");
    EXPECT_THAT(plan_.changes(), ElementsAre(Change{vip_a, false, "dns: too few backends take new flows"}));
    standings_["dns"] = Condition::up;
    EXPECT_EQ(after(0s), "up up");
}

TEST_F(AnnouncePlanTest, WhatIsNotCheckedYetChangesNothing) {
    config_.announce->hold = 0s;
    standings_ = {{"web", Condition::unknown}, {"dns", Condition::down}, {"six", Condition::up}};
    EXPECT_EQ(after(0s), "unchecked up");
    standings_["six"] = Condition::unknown;
    EXPECT_EQ(after(1h), "unchecked up");
    config_.announce->when = AnnounceWhen::all;
    EXPECT_EQ(after(0s), "down up");
}

TEST_F(AnnouncePlanTest, TheNextLbdTakesOverWithoutAGap) {
    plan_.adopt({vip_a, vip_b}, now_);
    standings_ = {{"web", Condition::unknown}, {"dns", Condition::unknown}, {"six", Condition::down}};
    EXPECT_EQ(after(0s), "up down");
    EXPECT_THAT(plan_.changes(), ElementsAre(Change{vip_b, false, "six: too few backends take new flows"}));
}

TEST_F(AnnouncePlanTest, WhatHasLeftTheConfigurationIsWithdrawn) {
    plan_.adopt({vip_a, vip_b}, now_);
    serve({{.name = "six", .vip = vip_b}});
    standings_ = {{"six", Condition::up}};
    EXPECT_EQ(after(0s), "up");
    EXPECT_THAT(plan_.changes(), ElementsAre(Change{vip_a, false, "it has left the configuration"}));
    config_.announce.reset();
    EXPECT_EQ(after(0s), "");
    EXPECT_THAT(plan_.changes(), ElementsAre(Change{vip_b, false, "it has left the configuration"}));
}

TEST_F(AnnouncePlanTest, AfterLeaveNothingIsAnnouncedAndJoinNeedsNoHold) {
    standings_ = {{"web", Condition::up}, {"dns", Condition::up}, {"six", Condition::up}};
    after(0s);
    EXPECT_EQ(after(3s), "up up");
    wish_.left = true;
    EXPECT_EQ(after(1s), "left left");
    EXPECT_THAT(plan_.changes(), ElementsAre(Change{vip_a, false, "lbd leave"}, Change{vip_b, false, "lbd leave"}));
    standings_["six"] = Condition::down;
    EXPECT_EQ(after(1h), "left left");
    standings_["six"] = Condition::up;
    EXPECT_EQ(after(1s), "left left");
    wish_.left = false;
    EXPECT_EQ(after(1s), "up held");
}

TEST_F(AnnouncePlanTest, WhoHasNotJoinedAnnouncesNothingNew) {
    config_.announce->hold = 1s;
    wish_.joined = false;
    plan_.adopt({vip_b}, now_);
    standings_ = {{"web", Condition::up}, {"dns", Condition::up}, {"six", Condition::up}};
    EXPECT_EQ(after(0s), "held up");
    EXPECT_EQ(after(1s), "joining up");
    wish_.joined = true;
    EXPECT_EQ(after(0s), "up up");
}

TEST_F(AnnouncePlanTest, AVipMayBeExcluded) {
    config_.announce->hold = 0s;
    serve({{.name = "web", .vip = vip_a, .announce = {.wanted = false}},
           {.name = "six", .vip = vip_b, .announce = {.metric = 200}}});
    standings_ = {{"web", Condition::up}, {"six", Condition::up}};
    EXPECT_EQ(after(0s), "excluded up");
    const AnnouncePlace place{186, 114};
    EXPECT_THAT(routes_for(plan_.announcements(now_), place), ElementsAre(AnnouncedRoute{vip_b, 200, place}));
}

TEST(AnnounceRoutes, OnlyWhatDiffersIsAddedAndRemoved) {
    const AnnouncePlace here{186, 114}, elsewhere{187, 114};
    const AnnouncedRoute kept{vip_a, 100, here}, other_metric{vip_b, 100, here}, wanted{vip_b, 200, here},
        former{vip_a, 100, elsewhere};
    const RouteEdits edits = route_edits({kept, other_metric, former}, {kept, wanted});
    EXPECT_THAT(edits.added, ElementsAre(wanted));
    EXPECT_THAT(edits.removed, testing::UnorderedElementsAre(other_metric, former));
    const RouteEdits none = route_edits({kept, wanted}, {kept, wanted});
    EXPECT_THAT(none.added, IsEmpty());
    EXPECT_THAT(none.removed, IsEmpty());
}

TEST(AnnounceRoutes, OnlyBlackholesWithLbdsProtocolAreLbds) {
    const AnnouncePlaces places{{186, 114}};
    netlink::Route route{
        .destination = vip_a.prefix, .hops = {}, .source = {}, .table = 186, .type = RTN_BLACKHOLE, .protocol = 114};
    EXPECT_TRUE(is_ours(route, places));
    route.table = RT_TABLE_MAIN;
    EXPECT_FALSE(is_ours(route, places));
    route.table = 186;
    route.protocol = RTPROT_STATIC;
    EXPECT_FALSE(is_ours(route, places));
    route.protocol = 114;
    route.type = RTN_UNREACHABLE;
    EXPECT_FALSE(is_ours(route, places));
}

TEST(AnnounceProtocols, OfOtherProgramsAreKnown) {
    for (const unsigned taken : {0, 2, 4, 11, 12, 16, 18, 42, 186, 189, 192, 196})
        EXPECT_NE(user_of_protocol(taken), "") << taken;
    for (const unsigned free : {20, 100, 114, 190, 250}) EXPECT_EQ(user_of_protocol(free), "") << free;
}

}  // namespace
}  // namespace culvert::lbd
