// SPDX-License-Identifier: Apache-2.0
#include "realserver/check/routing.hpp"

#include <gmock/gmock.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "tests/unit/realserver/address.hpp"

namespace culvert::realserver {
namespace {

using netlink::Family;
using netlink::IpAddress;
using netlink::Prefix;
using netlink::Route;
using netlink::Rule;
using testing::ElementsAre;
using testing::IsEmpty;

Route by_gateway(std::string_view destination, std::uint32_t table = RT_TABLE_MAIN) {
    return {.destination = prefix(destination),
            .hops = {{.gateway = ip("10.0.0.1"), .link = 2}},
            .source = {},
            .table = table};
}

Route refusing(std::string_view destination, std::uint8_t type, std::uint32_t table = RT_TABLE_MAIN) {
    return {.destination = prefix(destination), .hops = {}, .source = {}, .table = table, .type = type};
}

Rule rule(std::uint32_t priority, std::uint32_t table) {
    Rule result;
    result.priority = priority;
    result.table = table;
    return result;
}

Routing with(std::vector<Route> routes, std::vector<Rule> more = {}) {
    std::vector<Rule> rules{rule(0, RT_TABLE_LOCAL), rule(32766, RT_TABLE_MAIN), rule(32767, RT_TABLE_DEFAULT)};
    rules.insert(rules.end(), more.begin(), more.end());
    return {std::move(rules), std::move(routes)};
}

Refusal why(const Routing& routing, std::string_view client = "8.0.0.1") {
    return why_refused(routing, {prefix("192.0.2.1/32"), ip(client)});
}

TEST(Routing, ARouteInATableThatNoRuleLeadsToWantsTheRule) {
    Rule others = rule(100, 100);
    others.source = prefix("10.0.0.3/32");
    const Refusal refusal = why(with({by_gateway("0.0.0.0/0", 100)}, {others}));
    EXPECT_THAT(refusal.commands, ElementsAre("ip -4 rule add from 192.0.2.1/32 lookup 100"));
    EXPECT_TRUE(refusal.curable);

    Rule marked = rule(100, 100);
    marked.mark = marked.mask = 1;
    EXPECT_THAT(why(with({by_gateway("0.0.0.0/0", 100)}, {marked})).commands,
                ElementsAre("ip -4 rule add from 192.0.2.1/32 lookup 100"));
    Rule by_input = rule(100, 100);
    by_input.input = "eth0";
    EXPECT_TRUE(why(with({by_gateway("0.0.0.0/0", 100)}, {by_input})).curable);
    Rule no_default = rule(100, RT_TABLE_MAIN);
    no_default.suppress_prefix_length = 0;
    const Routing suppressed{{no_default}, {by_gateway("0.0.0.0/0")}};
    EXPECT_THAT(why(suppressed).commands, ElementsAre("ip -4 rule add from 192.0.2.1/32 lookup main"));
}

TEST(Routing, AnAnswerMayHaveAMark) {
    Rule of_mark = rule(20, 0);
    of_mark.mark = of_mark.mask = 4;
    of_mark.action = FR_ACT_BLACKHOLE;
    const Routing routing = with({by_gateway("0.0.0.0/0")}, {of_mark});
    EXPECT_THAT(why(routing).commands, testing::IsEmpty());
    const Refusal refusal =
        why_refused(routing, {.vip = prefix("192.0.2.1/32"), .destination = ip("8.0.0.1"), .mark = 5});
    EXPECT_THAT(refusal.commands, ElementsAre("ip -4 rule del pref 20 blackhole"));
}

TEST(Routing, WhatRefusesIsTakenAway) {
    const auto blackhole = refusing("8.0.0.0/8", RTN_BLACKHOLE);
    EXPECT_THAT(why(with({by_gateway("0.0.0.0/0"), blackhole})).commands,
                ElementsAre("ip -4 route del blackhole 8.0.0.0/8 table main"));
    Rule prohibit = rule(50, 0);
    prohibit.action = FR_ACT_PROHIBIT;
    prohibit.source = prefix("192.0.2.0/24");
    const Refusal both = why(with({by_gateway("0.0.0.0/0"), blackhole}, {prohibit}));
    EXPECT_THAT(both.commands,
                ElementsAre("ip -4 rule del pref 50 prohibit", "ip -4 route del blackhole 8.0.0.0/8 table main"));
    Route last = refusing("0.0.0.0/0", RTN_UNREACHABLE, 100);
    last.metric = 5;
    EXPECT_THAT(why(with({by_gateway("0.0.0.0/0"), last}, {rule(60, 100)})).commands,
                ElementsAre("ip -4 route del unreachable default table 100 metric 5"));
    EXPECT_THAT(why(with({by_gateway("0.0.0.0/0"), refusing("0.0.0.0/0", RTN_THROW, 100)}, {rule(60, 100)})).reasons,
                IsEmpty());
}

TEST(Routing, WithoutARouteInAnyTableNoCommandHelps) {
    for (const Routing& routing :
         {with({}), with({by_gateway("198.51.100.0/24")}), with({refusing("0.0.0.0/0", RTN_UNREACHABLE)})}) {
        const Refusal refusal = why(routing);
        EXPECT_FALSE(refusal.curable);
        EXPECT_THAT(refusal.commands, IsEmpty());
        EXPECT_FALSE(refusal.reasons.empty());
    }
}

TEST(Routing, NetworksThatClientsMayBeIn) {
    const Routing routing =
        with({by_gateway("198.51.100.0/24", 100), by_gateway("0.0.0.0/0"), refusing("10.0.0.0/8", RTN_BLACKHOLE),
              refusing("41.0.0.0/8", RTN_BLACKHOLE), by_gateway("2001:db8:9::/64")});
    EXPECT_THAT(routed_networks(routing, Family::ipv4), ElementsAre(prefix("198.51.100.0/24")));
    EXPECT_THAT(routed_networks(routing, Family::ipv6), ElementsAre(prefix("2001:db8:9::/64")));
    EXPECT_THAT(refused_networks(routing, Family::ipv4), ElementsAre(prefix("41.0.0.0/8")));
    EXPECT_TRUE(has_default_route(routing, Family::ipv4));
    EXPECT_FALSE(has_default_route(routing, Family::ipv6));
}

}  // namespace
}  // namespace culvert::realserver
