// SPDX-License-Identifier: Apache-2.0
#include "realserver/guard/ruleset.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "realserver/desired/decide.hpp"
#include "realserver/guard/guard.hpp"
#include "realserver/show/traffic.hpp"
#include "tests/unit/realserver/simulated_host.hpp"

// tests/netns/realserver_guard_test.cpp shows the effect of the rules on packets.
namespace culvert::realserver {
namespace {

using namespace netlink::nft;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::Key;
using testing::Not;
using testing::SizeIs;

Table table_of(std::string_view receive, std::string_view rest = {}) {
    return ruleset(desired(fmt::format("balancers: [10.0.0.1, 'fd00::/64']\nvips: [192.0.2.1]\nreceive: [{}]\n{}",
                                       receive, rest)))
        .value();
}

/// The targets of the rules in a chain.
std::vector<std::string> targets(const Table& table, const std::string& chain) {
    std::vector<std::string> result;
    for (const Rule& rule : table.chains.at(chain).rules)
        if (const auto* verdict = std::get_if<Verdict>(&rule.expressions.back()); verdict && !verdict->chain.empty())
            result.push_back(verdict->chain);
    return result;
}

TEST(Ruleset, IsOnlyThereWhereItIsNeeded) {
    EXPECT_FALSE(ruleset(desired("vips: [192.0.2.1]\nreceive: [{encap: l2}]")));
    EXPECT_FALSE(
        ruleset(desired("balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: ipip}]\n"
                        "guard: off\nmss: off")));
    const Table l3dsr = table_of("{encap: l3dsr, dscp: 2, vip: 192.0.2.1}");
    EXPECT_THAT(l3dsr.chains, ElementsAre(Key("l3dsr"), Key("l3dsr_answers")));
}

TEST(Ruleset, CoversEveryWayIntoTheDevices) {
    // The device that FOU needs receives plain IPIP as well.
    EXPECT_THAT(targets(table_of("{encap: fou, port: 5004, family: ipv4}"), "outer"),
                ElementsAre("sender", "port_5004_ipv4"));
    // So does ip6tnl0, and it receives IPv4, IPv6 and MPLS.
    EXPECT_THAT(targets(table_of("{encap: gue, port: 5080, family: ipv6}"), "outer"),
                ElementsAre("sender", "sender", "sender", "headers", "port_5080_ipv6"));
    EXPECT_THAT(targets(table_of("{encap: gre, family: ipv4}"), "outer"), ElementsAre("sender", "bad_header"));
    EXPECT_THAT(targets(table_of("{encap: gre, family: ipv6}"), "outer"), ElementsAre("sender", "bad_header"));
}

TEST(Ruleset, CoversDevicesOfTheSameKindsWhateverTheirNames) {
    const Table table = table_of("{encap: gue, port: 5080}, {encap: gre, family: ipv4}, {encap: geneve, vni: 7}");
    EXPECT_EQ(table.sets.at("kinds"), Set::of({"ipip", "ip6tnl", "gre", "gretap", "erspan"}));
    EXPECT_THAT(targets(table, "inner"), ElementsAre("unwrapped", "unwrapped", "unwrapped"));
    EXPECT_EQ(table.chains.at("inner").rules.front(), Rule{}.iifkind_in("kinds").go_to("unwrapped"));
    // Geneve on other ports is not its concern.
    EXPECT_THAT(table_of("{encap: geneve, vni: 7}").sets, Not(Contains(Key("kinds"))));
}

TEST(Ruleset, CoversTheKernelsDevicesWhereXdpDecapsulates) {
    const Table table = table_of("{encap: gre, family: ipv4, via: xdp}");
    EXPECT_THAT(targets(table, "outer"), ElementsAre("sender", "bad_header"));
    EXPECT_EQ(table.sets.at("kinds"), Set::of({"gre", "gretap", "erspan"}));
    // No port of ours is open in the kernel, and a service may use it at a VIP.
    EXPECT_THAT(targets(table_of("{encap: fou, port: 5004, family: ipv4, via: xdp}"), "outer"), ElementsAre("sender"));
    EXPECT_THAT(table_of("{encap: geneve, vni: 7, via: xdp}").chains, ElementsAre(Key("mss")));
    // A kernel without the module has no such device.
    const Config gre = config("balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: gre}]\nmss: off");
    EXPECT_FALSE(ruleset(decide(gre, {.absent_modules = {"ip_gre"}})));
}

TEST(Ruleset, KnowsABalancersPacketInAVlanByItsMark) {
    const Table table = table_of("{encap: gre, family: ipv4}");
    EXPECT_THAT(table.chains.at("last").rules, ElementsAre(Rule{}.priority_has(0x40000000).change_mark(0, 0x1000)));
    EXPECT_THAT(table.chains.at("inner").rules,
                Contains(Rule{}.iifkind_in("kinds_by_mark").mark_has(0x1000).change_priority(0, 0x40000000)));
    EXPECT_THAT(targets(table, "unwrapped"), Not(Contains("link")));
    // Nobody else sees the mark.
    EXPECT_EQ(table.chains.at("unwrapped").rules.front(), Rule{}.priority_has(0x40000000).change_mark(0x1000, 0));

    const auto links = [](std::string_view type) {
        const std::string tunnel =
            fmt::format("tunnels: [{{name: lb2, type: {}, local: 10.0.0.3, remote: 10.0.0.1}}]", type);
        return std::ranges::count(targets(table_of("{encap: gre, family: ipv4}", tunnel), "unwrapped"), "link");
    };
    EXPECT_EQ(links("gre"), 1);
    EXPECT_EQ(links("gretap"), 2) << "its VLANs are links, too";
}

TEST(Ruleset, OfLaterFragmentsOnlyTheSenderIsJudged) {
    Table table = table_of("{encap: gre}, {encap: gue, port: 5080}");
    std::vector<Rule>& rules = table.chains.at("outer").rules;
    const auto rest = std::ranges::find(rules, Rule{}.later_fragment().accept());
    ASSERT_NE(rest, rules.end());
    rules.erase(rest, rules.end());
    EXPECT_THAT(targets(table, "outer"), AllOf(SizeIs(rules.size()), Each("sender")));
    EXPECT_THAT(targets(table_of("{encap: gre}, {encap: gue, port: 5080}"), "outer"),
                IsSupersetOf({"bad_header", "port_5080_ipv4", "port_5080_ipv6"}));
}

TEST(Ruleset, ByPriorityNothingIsJudgedThatThisHostSendsToItself) {
    const Table table = table_of("{encap: gue, port: 5080}");
    const std::vector<Rule>& rules = table.chains.at("inner").rules;
    ASSERT_GE(rules.size(), 2U);
    EXPECT_EQ(rules[rules.size() - 2], Rule{}.iifname("lo").accept());
}

TEST(Ruleset, AFirstFragmentWithoutAllExtensionHeadersIsCaught) {
    const Table table = table_of("{encap: gue, port: 5080}");
    EXPECT_THAT(table.chains.at("outer").rules, Contains(Rule{}.nfproto(Family::ipv6).jump("headers")));
    EXPECT_THAT(table.chains.at("headers").rules,
                ElementsAre(Rule{}.l4proto_known().back(), Rule{}.go_to("bad_header")));
}

TEST(Ruleset, APortBoundToAnAddressIsGuardedThereOnly) {
    const Table table = table_of("{encap: fou, port: 5004, local: 10.0.0.7, dev: eth0}");
    const Rule expected = Rule{}
                              .nfproto(Family::ipv4)
                              .iifname("eth0")
                              .daddr(*Prefix::parse("10.0.0.7"))
                              .l4proto(17)
                              .dport(5004)
                              .go_to("port_5004_ipv4");
    EXPECT_THAT(table.chains.at("outer").rules, Contains(expected));
}

TEST(Ruleset, ElementsThatShareAPortShareItsChain) {
    const Table table = table_of("{encap: gue, port: 5080, family: ipv4}, {encap: gue, port: 5080, inner: gre}");
    EXPECT_EQ(std::ranges::count(targets(table, "outer"), "port_5080_ipv4"), 1);
    // One for the source, IPv4 in two variants, GRE with either family, nothing else.
    EXPECT_EQ(table.chains.at("port_5080_ipv4").rules.size(), 6U);
}

TEST(Ruleset, StrictDropsAndLogLets) {
    const auto fate = [](const Table& table) { return table.chains.at("stranger").rules; };
    const Rule drop = Rule{}.counter().drop().with_comment("outer source is no balancer");
    EXPECT_THAT(fate(table_of("{encap: ipip}")), ElementsAre(drop));
    const Rule accept = Rule{}.counter().accept().with_comment("outer source is no balancer");
    EXPECT_THAT(fate(table_of("{encap: ipip}", "guard: log")),
                ElementsAre(Rule{}.limit(10).log("culvert stranger: "), accept));
}

TEST(Ruleset, TheWayBackIsTheWayInUnlessInterfacesAreNamed) {
    EXPECT_EQ(table_of("{encap: ipip}").chains.at("sender").rules.back(),
              Rule{}.fib_saddr_not_by_iif().go_to("wrong_way"));
    const Table named = table_of("{encap: ipip}", "interfaces: [eth0, eth1]");
    EXPECT_EQ(named.chains.at("sender").rules.back(), Rule{}.iifname_not_in("ways_in").go_to("wrong_way"));
    EXPECT_EQ(named.sets.at("ways_in"), Set::of({"eth0", "eth1"}));
}

TEST(Ruleset, PeersOfOtherTunnelsPass) {
    EXPECT_THAT(table_of("{encap: ipip}").sets, Not(Contains(Key("peers4"))));
    const Table table = table_of("{encap: ipip}", "tunnel_peers: [10.9.0.1]");
    EXPECT_EQ(table.chains.at("outer").rules.front(),
              Rule{}.nfproto(Family::ipv4).saddr_in(Family::ipv4, "peers4").jump("peer"));
    // Not inside a balancer's packet.
    EXPECT_EQ(table.chains.at("peer").rules.front(), Rule{}.priority_has(0x20000000).back());
}

TEST(Ruleset, APeerWhoseOuterPacketsAreInAnotherNetworkNamespacePassesByItsDevice) {
    const Config config = realserver::config(
        "balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: ipip}]\ntunnel_peers: [10.9.0.1]");
    Surroundings around;
    around.split_tunnels = {
        {.device = "theirs", .parameters = {.remote = netlink::IpAddress::parse("10.9.0.1")}},
        {.device = "unknown", .parameters = {.remote = netlink::IpAddress::parse("10.9.0.2")}},
        {.device = "away", .parameters = {.remote = netlink::IpAddress::parse("10.9.0.1")}, .netns = 1}};
    const Table table = ruleset(decide(config, around)).value();
    EXPECT_EQ(table.sets.at("peers_elsewhere"), Set::of({"theirs"}));
    EXPECT_EQ(table.chains.at("inner").rules.front(), Rule{}.iifname_in("peers_elsewhere").accept());
    EXPECT_THAT(table_of("{encap: ipip}").sets, Not(Contains(Key("peers_elsewhere"))));
}

TEST(Ruleset, PacketsToPortsOfOthersAreStrangersWhateverTheyComeOutOf) {
    const Config config = realserver::config(
        "balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: gue, port: 5080, via: kernel}]");
    Surroundings around;
    around.ports_of_others = {5080, 5555};
    const Table table = ruleset(decide(config, around)).value();
    const auto sign = [](std::uint16_t port) {
        return Rule{}.l4proto(17).dport(port).priority_lacks(0xc0000000).change_priority(0, 0x10000000);
    };
    EXPECT_THAT(table.chains.at("outer").rules, Contains(sign(5555)));
    EXPECT_THAT(table.chains.at("outer").rules, Not(Contains(sign(5080)))) << "judged by its own chain";
    EXPECT_THAT(table.chains.at("last").rules, Contains(Rule{}.priority_has(0x10000000).change_mark(0, 0x2000)));
}

TEST(Traffic, ShowsWhatTheGuardCaughtByReason) {
    const Tallies tallies{{"outer", {}}, {"no_vip", {2, 120}}, {"stranger", {}}};
    EXPECT_EQ(guard_to_table(Guard::strict, tallies, false),
              "DROPPED BY THE GUARD  BECAUSE                      PACKETS  BYTES\n"
              "stranger              outer source is no balancer        0      0\n"
              "no_vip                inner destination is no VIP        2    120\n");
    const auto json = guard_to_json(Guard::log, tallies);
    EXPECT_EQ(json.at("policy"), "log");
    EXPECT_EQ(json.at("caught").at(1),
              (nlohmann::ordered_json{
                  {"reason", "no_vip"}, {"text", "inner destination is no VIP"}, {"packets", 2}, {"bytes", 120}}));
    EXPECT_EQ(guard_to_table(Guard::strict, {}, false), "");
}

}  // namespace
}  // namespace culvert::realserver
