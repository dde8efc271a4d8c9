// SPDX-License-Identifier: Apache-2.0
#include "realserver/check/firewall/firewall.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>

namespace culvert::realserver {
namespace {

using netlink::Prefix;
using nlohmann::json;

/// A rule as `nft -j -n` prints it.
struct PrintedRule {
    std::string chain;
    std::string statements;
};

/// The table inet filter with the base chain `input`, the chain `sub`, and sets.
Firewall firewall(const std::vector<PrintedRule>& rules, const std::string& policy = "accept") {
    json objects = json::parse(R"([
      {"metainfo": {"version": "1.0.6"}}, {"table": {"family": "inet", "name": "filter", "handle": 1}},
      {"set": {"family": "inet", "name": "trusted", "table": "filter", "type": "ipv4_addr", "handle": 3,
               "elem": [{"prefix": {"addr": "10.0.0.0", "len": 24}}, {"range": ["10.2.0.1", "10.2.0.9"]},
                        {"elem": {"val": "192.168.0.1", "timeout": 60}}]}},
      {"map": {"family": "inet", "name": "by_state", "table": "filter", "type": "ct_state", "handle": 4, "map": "verdict",
               "elem": [[1, {"drop": null}], [8, {"accept": null}]]}},
      {"chain": {"family": "inet", "table": "filter", "name": "sub", "handle": 2}}])");
    objects.push_back({{"chain",
                        {{"family", "inet"},
                         {"table", "filter"},
                         {"name", "input"},
                         {"handle", 1},
                         {"type", "filter"},
                         {"hook", "input"},
                         {"prio", 0},
                         {"policy", policy}}}});
    int handle = 10;
    std::string text = "table inet filter { # handle 1\n\tchain input { # handle 1\n";
    for (const PrintedRule& rule : rules)
        objects.push_back({{"rule",
                            {{"family", "inet"},
                             {"table", "filter"},
                             {"chain", rule.chain},
                             {"handle", handle++},
                             {"expr", json::parse("[" + rule.statements + "]")}}}});
    text += "\t\tfirst rule # handle 10\n\t}\n}\n";
    const auto read = read_firewall(json{{"nftables", objects}}.dump(), text, "culvert");
    EXPECT_TRUE(read) << read.error();
    return read.value_or(Firewall{});
}

/// IPIP from a balancer.
const Packets ipip{.protocol = IPPROTO_IPIP,
                   .source = *Prefix::parse("10.0.0.1"),
                   .destination = *Prefix::parse("10.0.0.3"),
                   .input = "eth0",
                   .source_by_input = true};
/// GUE from a network of balancers.
const Packets gue{.protocol = IPPROTO_UDP,
                  .source = *Prefix::parse("10.0.0.0/24"),
                  .destination = *Prefix::parse("10.0.0.3"),
                  .destination_port = 5080,
                  .input = "eth0",
                  .source_by_input = true};
/// Requests of clients, after decapsulation.
const Packets request{.protocol = IPPROTO_TCP,
                      .source = *Prefix::parse("0.0.0.0/0"),
                      .destination = *Prefix::parse("192.0.2.1"),
                      .destination_port = 80,
                      .input = "tunl0",
                      .destination_on_input = false,
                      .source_by_input = false,
                      .all = false};

/// "passes", "dropped", "may be dropped", "rewritten", …
std::string fate(const Firewall& rules, Packets packets) {
    const auto found = obstacle(rules, packets, {"input"});
    if (!found) return "passes";
    const std::string what = found->kind == Obstacle::Kind::dropped ? "dropped" : "rewritten";
    return found->certain ? what : "may be " + what;
}

constexpr const char* drop = R"(, {"drop": null})";

TEST(Firewall, ConditionsAreEvaluatedForThePackets) {
    struct Case {
        std::string condition;
        std::string ipip, gue, request;
    };
    const std::vector<Case> cases{
        {R"({"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":4}})", "dropped", "passes", "passes"},
        {R"({"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":{"set":[6,17]}}})", "passes", "dropped",
         "dropped"},
        {R"({"match":{"op":"!=","left":{"payload":{"protocol":"ip","field":"protocol"}},"right":6}})", "dropped",
         "dropped", "passes"},
        {R"({"match":{"op":"==","left":{"payload":{"protocol":"udp","field":"dport"}},"right":5080}})", "passes",
         "dropped", "passes"},
        {R"({"match":{"op":"==","left":{"payload":{"protocol":"th","field":"dport"}},
             "right":{"set":[53,{"range":[80,90]}]}}})",
         "may be dropped", "passes", "dropped"},
        {R"({"match":{"op":"<","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":1024}})", "passes",
         "passes", "dropped"},
        // one balancer of a network may be dropped; one client of all is of no concern
        {R"({"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":"10.0.0.1"}})", "dropped",
         "may be dropped", "passes"},
        {R"({"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":"@trusted"}})", "dropped",
         "dropped", "passes"},
        {R"({"match":{"op":"!=","left":{"payload":{"protocol":"ip","field":"saddr"}},
             "right":{"prefix":{"addr":"10.0.0.0","len":24}}}})",
         "passes", "passes", "passes"},
        {R"({"match":{"op":"!=","left":{"payload":{"protocol":"ip6","field":"saddr"}},"right":"fd00::1"}})", "passes",
         "passes", "passes"},
        {R"({"match":{"op":"==","left":{"meta":{"key":"nfproto"}},"right":2}})", "dropped", "dropped", "dropped"},
        {R"({"match":{"op":"==","left":{"meta":{"key":"iifname"}},"right":{"set":["lo","tun*"]}}})", "passes", "passes",
         "dropped"},
        {R"({"match":{"op":"==","left":{"meta":{"key":"iif"}},"right":"lo"}})", "passes", "passes", "passes"},
        {R"({"match":{"op":"in","left":{"ct":{"key":"state"}},"right":[2,4]}})", "passes", "passes", "passes"},
        {R"({"match":{"op":"in","left":{"ct":{"key":"state"}},"right":8}})", "dropped", "dropped", "dropped"},
        // strict reverse path, and addresses of another device than the packet's
        {R"({"match":{"op":"==","left":{"fib":{"result":"oif","flags":["saddr","mark","iif"]}},"right":false}})",
         "passes", "passes", "dropped"},
        {R"({"match":{"op":"!=","left":{"fib":{"result":"type","flags":["daddr","iif"]}},"right":{"set":[2,3,5]}}})",
         "passes", "passes", "dropped"},
        {R"({"match":{"op":"==","left":{"fib":{"result":"type","flags":["daddr"]}},"right":2}})", "dropped", "dropped",
         "dropped"},
        {R"({"match":{"op":"!=","left":{"&":[{"payload":{"protocol":"tcp","field":"flags"}},[1,2,4,16]]},"right":2}})",
         "passes", "passes", "passes"},
        {R"({"match":{"op":"==","left":{"meta":{"key":"mark"}},"right":1}})", "may be dropped", "may be dropped",
         "may be dropped"},
        {R"({"limit":{"rate":1,"per":"second"}})", "may be dropped", "may be dropped", "may be dropped"},
        {R"({"xt":{"type":"match","name":"conntrack"}})", "may be dropped", "may be dropped", "may be dropped"},
        {R"({"xt":{"type":"match","name":"comment"}})", "dropped", "dropped", "dropped"},
        {R"({"match":{"op":"==","left":{"concat":[]},"right":{"set":[]}}})", "may be dropped", "may be dropped",
         "may be dropped"},
    };
    for (const Case& one : cases) {
        const Firewall rules = firewall({{"input", one.condition + drop}});
        EXPECT_EQ(fate(rules, ipip), one.ipip) << one.condition;
        EXPECT_EQ(fate(rules, gue), one.gue) << one.condition;
        EXPECT_EQ(fate(rules, request), one.request) << one.condition;
    }
}

constexpr const char* from_trusted =
    R"({"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":"@trusted"}})";
constexpr const char* perhaps = R"({"match":{"op":"==","left":{"meta":{"key":"mark"}},"right":1}})";
constexpr const char* of_ipip = R"({"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":4}})";

std::string accepting(const std::string& condition) { return condition + R"(, {"accept": null})"; }
std::string jumping(const std::string& condition) { return condition + R"(, {"jump": {"target": "sub"}})"; }

TEST(Firewall, ThePolicyDecidesAboutTheRest) {
    EXPECT_EQ(fate(firewall({}), ipip), "passes");
    EXPECT_EQ(fate(firewall({}, "drop"), ipip), "dropped");
    EXPECT_EQ(fate(firewall({{"input", accepting(of_ipip)}}, "drop"), ipip), "passes");
    EXPECT_EQ(fate(firewall({{"input", accepting(of_ipip)}}, "drop"), gue), "dropped");
    EXPECT_EQ(fate(firewall({{"input", accepting(perhaps)}}, "drop"), ipip), "may be dropped");
    // some clients get through, which the operator may intend
    EXPECT_EQ(fate(firewall({{"input", accepting(from_trusted)}}, "drop"), request), "passes");
}

TEST(Firewall, ChainsAreFollowed) {
    const std::string all = R"({"counter":{"packets":0,"bytes":0}})";
    EXPECT_EQ(fate(firewall({{"input", jumping(all)}, {"sub", all + drop}}), ipip), "dropped");
    EXPECT_EQ(fate(firewall({{"input", jumping(all)}, {"sub", accepting(all)}}, "drop"), ipip), "passes");
    EXPECT_EQ(fate(firewall({{"input", jumping(all)}, {"sub", R"({"return": null})"}, {"sub", all + drop}}), ipip),
              "passes");
    EXPECT_EQ(fate(firewall({{"input", R"({"goto": {"target": "sub"}})"}, {"input", accepting(all)}}, "drop"), ipip),
              "dropped");
    EXPECT_EQ(fate(firewall({{"input", jumping(perhaps)}, {"sub", all + drop}}), ipip), "may be dropped");
    EXPECT_EQ(fate(firewall({{"input", jumping(perhaps)}, {"sub", accepting(all)}}, "drop"), ipip), "may be dropped");
    EXPECT_EQ(fate(firewall({{"input", jumping(from_trusted)}, {"sub", all + drop}}), request), "passes");
    const PrintedRule perhaps_back{"sub", perhaps + std::string(R"(, {"return": null})")};
    EXPECT_EQ(fate(firewall({{"input", jumping(all)}, perhaps_back, {"sub", all + drop}}), ipip), "may be dropped");
    const PrintedRule some_back{"sub", from_trusted + std::string(R"(, {"return": null})")};
    EXPECT_EQ(fate(firewall({{"input", jumping(all)}, some_back, {"sub", all + drop}}), request), "passes");
    EXPECT_EQ(fate(firewall({{"input", jumping(all)}, {"sub", jumping(all)}}), ipip), "passes") << "no end";
}

TEST(Firewall, VerdictMapsAreFollowed) {
    const std::string by_state = R"({"vmap":{"key":{"ct":{"key":"state"}},"data":"@by_state"}})";
    const std::string anonymous = R"({"vmap":{"key":{"meta":{"key":"l4proto"}},"data":{"set":[[4,{"drop":null}],["*",
        {"accept":null}]]}}})";
    Packets answer = request;
    answer.tracking = Tracking::invalid;
    EXPECT_EQ(fate(firewall({{"input", by_state}}), answer), "dropped");
    EXPECT_EQ(fate(firewall({{"input", by_state}}, "drop"), request), "passes");
    EXPECT_EQ(fate(firewall({{"input", anonymous}}), ipip), "dropped");
    EXPECT_EQ(fate(firewall({{"input", anonymous}}, "drop"), gue), "passes");
}

TEST(Firewall, WhatRulesDo) {
    const auto with = [](const std::string& statement) { return fate(firewall({{"input", statement}}), request); };
    EXPECT_EQ(with(R"({"reject": {"type": "icmp", "expr": 3}})"), "dropped");
    EXPECT_EQ(with(R"({"xt": {"type": "target", "name": "REJECT"}})"), "dropped");
    EXPECT_EQ(with(R"({"xt": {"type": "target", "name": "DADDR"}})"), "rewritten");
    EXPECT_EQ(with(R"({"xt": {"type": "target", "name": "LOG"}})"), "passes");
    EXPECT_EQ(with(R"({"redirect": {"port": 8080}})"), "rewritten");
    EXPECT_EQ(with(R"({"mangle": {"key": {"payload": {"protocol": "ip", "field": "daddr"}}, "value": "10.0.0.9"}})"),
              "rewritten");
    EXPECT_EQ(with(R"({"mangle": {"key": {"meta": {"key": "mark"}}, "value": 1}})"), "passes");
    EXPECT_EQ(with(R"({"queue": {"num": 1}})"), "may be dropped");
    EXPECT_EQ(with(R"({"log": {"prefix": "x"}})"), "passes");
}

TEST(Firewall, WhatIsUnlikeAllThatIsKnownMayDoAnything) {
    for (const char* statement : {R"({"match": {}})", R"({"vmap": {"key": 1, "data": {"set": [7]}}})", R"({"xt": {}})",
                                  R"({"jump": null})", R"({"match": {"op": 1, "left": 2, "right": 3}})"})
        EXPECT_EQ(fate(firewall({{"input", statement}}), ipip), "may be dropped") << statement;
}

TEST(Firewall, AnObstacleNamesItsRule) {
    Packets packets = ipip;
    const auto found = obstacle(firewall({{"input", of_ipip + std::string(drop)}}), packets, {"input"});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->rule, "chain inet filter input: first rule");
    EXPECT_EQ(found->removal, "nft delete rule inet filter input handle 10");
    EXPECT_FALSE(found->tracking);
}

TEST(Firewall, NotrackIsRemembered) {
    Packets packets = request;
    EXPECT_FALSE(obstacle(firewall({{"input", R"({"notrack": null})"}}), packets, {"input"}));
    EXPECT_EQ(packets.tracking, Tracking::untracked);
}

TEST(Firewall, OnlyChainsOfTheHookAndThePrioritiesCount) {
    Packets packets = ipip;
    const Firewall rules = firewall({}, "drop");
    EXPECT_FALSE(obstacle(rules, packets, {"output"}));
    EXPECT_FALSE(obstacle(rules, packets, {.hook = "input", .last = -1}));
    EXPECT_TRUE(obstacle(rules, packets, {.hook = "input", .first = 0}));
}

TEST(Firewall, OwnTableIsLeftOut) {
    const std::string ruleset = R"({"nftables": [{"table": {"family": "inet", "name": "culvert", "handle": 1}},
        {"chain": {"family": "inet", "table": "culvert", "name": "a", "handle": 1, "hook": "input", "policy": "drop"}}]})";
    EXPECT_EQ(read_firewall(ruleset, "", "culvert"), Firewall{});
    EXPECT_EQ(read_firewall(ruleset, "", "other").value_or(Firewall{}).chains.size(), 1U);
    EXPECT_FALSE(read_firewall("{", "", "culvert"));
}

TEST(Firewall, MarksThatChangeTheRouteOfAnswers) {
    const auto chain = [](std::string name, std::string type, std::vector<std::string> rules) {
        FirewallChain made{.family = "inet", .table = "t", .name = std::move(name), .hook = "output", .type = type};
        if (type.empty()) made.hook.clear();
        for (const std::string& rule : rules) made.rules.push_back({.handle = 1, .statements = json::parse(rule)});
        return made;
    };
    const std::string sport =
        R"({"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"sport"}},"right":80}})";
    const auto set = [](const std::string& value) {
        return R"({"mangle":{"key":{"meta":{"key":"mark"}},"value":)" + value + "}}";
    };
    const Packets packets{.protocol = IPPROTO_TCP,
                          .source = Prefix::parse("192.0.2.1").value(),
                          .destination = Prefix::parse("8.0.0.1").value(),
                          .source_port = 80,
                          .tracking = Tracking::established};
    const auto mark = [&](std::vector<FirewallChain> chains) {
        return mark_for_route({.chains = std::move(chains), .sets = {}}, packets);
    };
    const std::string five = "[" + sport + "," + set("5") + "]";
    EXPECT_EQ(mark({chain("c", "route", {five})}), 5U);
    EXPECT_EQ(mark({chain("c", "filter", {five})}), 0U) << "too late for the route";
    EXPECT_EQ(mark({chain("c", "route", {five, "[" + set(R"({"|":[{"meta":{"key":"mark"}},8]})") + "]"})}), 13U);
    EXPECT_EQ(mark({chain("c", "route", {R"([{"accept":null}])", five})}), 0U);
    EXPECT_EQ(mark({chain("c", "route", {R"([{"jump":{"target":"d"}}])"}), chain("d", "", {five})}), 5U);
    EXPECT_EQ(mark({chain("c", "route",
                          {R"([{"match":{"op":"==","left":{"meta":{"key":"skuid"}},"right":7}},)" + set("5") + "]"})}),
              0U)
        << "not sure to match";
    EXPECT_EQ(mark({chain("c", "route", {"[7]", five})}), 5U) << "what is not understood has no effect";
}

}  // namespace
}  // namespace culvert::realserver
