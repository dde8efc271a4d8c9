// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/neighbour.h>

#include <string>

#include <nlohmann/json.hpp>

#include "lbd/show/json.hpp"
#include "lbd/show/text.hpp"
#include "lbd/show/view.hpp"
#include "lbd/show/words.hpp"
#include "tests/unit/lbd/address.hpp"
#include "tests/unit/lbd/link.hpp"

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;
using netlink::MacAddress;

Status status() {
    const auto mac = *MacAddress::parse("02:00:00:00:00:30");
    const netlink::Link link = eth0_at(2);

    Status status;
    status.services = {
        {.name = "dns",
         .vip = address("192.0.2.1"),
         .ports = {{Protocol::udp, 53}, {Protocol::tcp, 0}},
         .table_size = 101,
         .idle = std::chrono::seconds(120),
         .backends = {
             {.backend = {.name = "10.0.2.30", .address = address("10.0.2.30"), .encap = L3dsr{.dscp = 2}, .weight = 3},
              .share = 0.75,
              .hop = NextHop{.ifindex = 2, .destination = mac, .from = address("10.0.2.1"), .mtu = 1500},
              .interface = "eth0",
              .traffic = {.packets = 7,
                          .bytes = 12'345'678,
                          .new_flows = 3,
                          .flows = {.live = 2, .closing = 1, .entries = 3}}},
             {.backend = {.name = "ns2",
                          .address = address("fd00::31"),
                          .encap = Gue{.port = 5080},
                          .state = BackendState::drain},
              .share = 0.25,
              .hop = tl::unexpected(LB_DROP_NO_NEIGHBOUR)}}}};
    status.neighbours = {
        {.interface = "eth0",
         .neighbour = {.address = address("10.0.2.30"), .link = 2, .mac = mac, .state = NUD_REACHABLE, .managed = true},
         .age = std::chrono::seconds(200),
         .backends = {{address("10.0.2.30"), 1500}}},
        {.interface = "eth0",
         .neighbour = {.address = address("fd00::31"), .link = 2, .state = NUD_INCOMPLETE},
         .backends = {{address("fd00::31"), {}}}}};
    netlink::Link vlan = link;
    vlan.index = 5;
    vlan.details = netlink::Vlan{.id = 20};
    netlink::Link member = link;
    member.index = 6;
    member.flags = IFF_UP;
    status.interfaces = {{.name = "eth0", .mode = XdpMode::native, .link = link},
                         {.name = "eth1", .mode = XdpMode::generic},
                         {.name = "storage", .link = vlan, .vlan_of = "eth0"},
                         {.name = "eth2", .link = member, .member_of = "bond0"}};
    status.flow_table = {.entries = 64, .part = 32, .key = "0e9bfec2", .configured_key = {}};
    status.announcements = {.configured = Announce{},
                            .vips = {{.vip = address("192.0.2.1"),
                                      .state = AnnounceState::up,
                                      .age = std::chrono::seconds(200),
                                      .parts = {{"dns", Condition::up}, {"web", Condition::down}},
                                      .announced = true},
                                     {.vip = *netlink::Prefix::parse("2001:db8::/64"),
                                      .metric = 200,
                                      .state = AnnounceState::held,
                                      .age = std::chrono::milliseconds(1500),
                                      .wait = std::chrono::milliseconds(1500),
                                      .parts = {{"six", Condition::up}}}}};
    status.drops[LB_DROP_TTL] = 5;
    status.events[LB_EVENT_ECHO] = 9;
    status.latency = {.sum = 20'000'000, .counts = {0, 0, 0, 0, 0, 0, 180, 19}};
    status.latency->counts.back() = 1;
    return status;
}

TEST(ShowJson, Services) {
    EXPECT_EQ(to_json(View::services, status()), Json::parse(R"([
        {"name": "dns", "vip": "192.0.2.1", "ports": ["53/udp", "any/tcp"], "table": 101, "sticky": false,
         "track": "auto", "packets": 7,
         "bytes": 12345678, "new_flows": 3, "live_flows": 2, "closing_flows": 1, "flows_estimated": false,
         "backends": [{"name": "10.0.2.30", "reachable": true}, {"name": "ns2", "reachable": false}]}])"));
}

TEST(ShowJson, Backends) {
    EXPECT_EQ(to_json(View::backends, status()), Json::parse(R"([
        {"service": "dns", "name": "10.0.2.30", "address": "10.0.2.30", "encap": {"type": "l3dsr", "dscp": 2},
         "state": "active", "weight": 3, "share": 0.75, "interface": "eth0", "mac": "02:00:00:00:00:30",
         "source": "10.0.2.1", "mtu": 1500, "packets": 7, "bytes": 12345678, "new_flows": 3, "live_flows": 2,
         "closing_flows": 1, "flows_estimated": false},
        {"service": "dns", "name": "ns2", "address": "fd00::31",
         "encap": {"type": "gue", "port": 5080, "variant": 0, "inner": "ip", "checksum": "auto"}, "state": "drain", "weight": 1, "share": 0.25,
         "reason": "no_neighbour", "reason_text": "the MAC address of the backend or its router is not known",
         "packets": 0, "bytes": 0, "new_flows": 0, "live_flows": 0, "closing_flows": 0,
         "flows_estimated": false}])"));
}

TEST(ShowJson, Flows) {
    EXPECT_EQ(to_json(View::flows, status()), Json::parse(R"(
        {"entries": 64, "part": 32, "used": 3, "key": "0e9bfec2", "services": [{"name": "dns", "vip": "192.0.2.1", "ports": ["53/udp", "any/tcp"], "idle_ms": 120000, "backends": [
            {"name": "10.0.2.30", "address": "10.0.2.30", "live_flows": 2, "closing_flows": 1, "flows_estimated": false,
             "former_slots": 0},
            {"name": "ns2", "address": "fd00::31", "live_flows": 0, "closing_flows": 0, "flows_estimated": false,
             "former_slots": 0}]}]})"));
}

TEST(ShowJson, Neighbours) {
    EXPECT_EQ(to_json(View::neighbours, status()), Json::parse(R"([
        {"address": "10.0.2.30", "interface": "eth0", "mac": "02:00:00:00:00:30", "state": "reachable",
         "age_s": 200, "managed": true, "backends": [{"address": "10.0.2.30", "mtu": 1500}]},
        {"address": "fd00::31", "interface": "eth0", "state": "incomplete", "managed": false,
         "backends": [{"address": "fd00::31"}]}])"));
}

TEST(ShowJson, Interfaces) {
    EXPECT_EQ(to_json(View::interfaces, status()), Json::parse(R"([
        {"name": "eth0", "index": 2, "xdp": "native", "mac": "02:00:00:00:00:01", "mtu": 1500, "up": true,
         "carrier": true, "accepts_redirects": false},
        {"name": "eth1", "xdp": "generic", "up": false, "carrier": false, "accepts_redirects": false},
        {"name": "storage", "index": 5, "vlan": 20, "vlan_of": "eth0", "mac": "02:00:00:00:00:01", "mtu": 1500,
         "up": true, "carrier": true, "accepts_redirects": false},
        {"name": "eth2", "index": 6, "member_of": "bond0", "mac": "02:00:00:00:00:01", "mtu": 1500, "up": true,
         "carrier": false}])"));
}

TEST(ShowJson, CountersNameEveryReason) {
    const Json json = to_json(View::counters, status());
    EXPECT_EQ(json["forwarded"], Json::parse(R"({"packets": 7, "bytes": 12345678, "new_flows": 3})"));
    ASSERT_EQ(json["dropped"].size(), LB_REASON_COUNT);
    EXPECT_EQ(json["dropped"][LB_DROP_TTL],
              Json::parse(R"({"reason": "ttl", "text": "TTL or hop limit has run out", "packets": 5})"));
    ASSERT_EQ(json["events"].size(), LB_EVENT_COUNT);
    EXPECT_EQ(json["events"][LB_EVENT_ECHO],
              Json::parse(R"({"event": "echo", "text": "echo requests to a VIP answered", "count": 9})"));
}

TEST(ShowJson, CountersTellTheLatencyWhereItIsSampled) {
    Status sampled = status();
    EXPECT_EQ(to_json(View::counters, sampled)["latency"], Json::parse(R"(
        {"packets": 200, "mean_ns": 100000, "p50_ns": 64, "p99_ns": 128, "histogram":
         [{"up_to_ns": 64, "packets": 180}, {"up_to_ns": 128, "packets": 19}, {"packets": 1}]})"));
    sampled.latency = Latency{};
    EXPECT_EQ(to_json(View::counters, sampled)["latency"], Json::parse(R"({"packets": 0})"));
    sampled.latency.reset();
    EXPECT_FALSE(to_json(View::counters, sampled).contains("latency"));
}

std::string text(JsonText json) {
    std::string text;
    for (std::string piece = json.next(); !piece.empty(); piece = json.next()) text += piece;
    return text;
}

TEST(ShowJson, IsTheSameAsTextInPieces) {
    Status many = status();
    for (int i = 0; i < 1'000; ++i) {
        many.services.push_back(many.services[0]);
        many.services.back().name = std::to_string(i);
    }
    for (const std::string_view name : view_names())
        for (const Status& one : {many, status(), Status()})
            EXPECT_EQ(text({*view(name), one}), to_json(*view(name), one).dump()) << name;
    JsonText pieces(View::backends, many);
    for (std::string piece = pieces.next(); !piece.empty(); piece = pieces.next()) EXPECT_LT(piece.size(), 150'000U);
}

std::string table(View view) { return to_table(view, to_json(view, status()), false); }

TEST(ShowJson, Announcements) {
    EXPECT_EQ(to_json(View::announcements, status()), Json::parse(R"({
        "table": 186, "protocol": 114, "hold_ms": 3000, "when": "any", "left": false, "vips": [
        {"vip": "192.0.2.1", "metric": 100, "announced": true, "state": "up", "text": "its services are up",
         "age_s": 200, "services": [{"name": "dns", "state": "up"}, {"name": "web", "state": "down"}]},
        {"vip": "2001:db8::/64", "metric": 200, "announced": false, "state": "held",
         "text": "its services are up, but not yet for the time of announce: hold", "age_s": 1, "wait_ms": 1500,
         "services": [{"name": "six", "state": "up"}]}]})"));
    EXPECT_EQ(to_json(View::announcements, Status{}), Json::parse(R"({"left": false, "vips": []})"));
}

TEST(ShowTable, Services) {
    EXPECT_EQ(table(View::services),
              "SERVICE  VIP        PORTS           BACKENDS  PACKETS  BYTES  FLOWS\n"
              "dns      192.0.2.1  53/udp any/tcp       1/2        7  12.3M      2\n");
}

TEST(Show, AKeyThatIsNotInForceYetHasItsCure) {
    Status kept = status();
    kept.flow_table.configured_key = "5eedf00d";
    const Json json = to_json(View::flows, kept);
    EXPECT_EQ(json["configured_key"], "5eedf00d");
    EXPECT_TRUE(to_table(View::flows, json, false)
                    .ends_with("key 0e9bfec2 in force; the configured one is 5eedf00d (lbd stop --detach, then start, "
                               "at a moment without connections: all flows are forgotten)\n"));
}

/// A backend without new flows must not look healthy.
TEST(Show, ABackendThatIsFoundDownIsNotCountedAsWorking) {
    Status checked = status();
    checked.services[0].backends[0].check = CheckStatus{.condition = Condition::down};
    const Json json = to_json(View::services, checked);
    EXPECT_EQ(json[0]["backends"][0], Json::parse(R"({"name": "10.0.2.30", "reachable": true, "health": "down"})"));
    EXPECT_NE(to_table(View::services, json, false).find("  0/2  "), std::string::npos);
    EXPECT_EQ(to_brief(View::services, json, false), "dns  0/2  192.0.2.1\n");
    checked.services[0].backends[0].check->condition = Condition::unknown;
    EXPECT_EQ(to_brief(View::services, to_json(View::services, checked), false), "dns  1/2  192.0.2.1\n");
}

TEST(ShowTable, Backends) {
    EXPECT_EQ(table(View::backends),
              "SERVICE  BACKEND       ENCAP         STATE   WEIGHT  SHARE  VIA                     PACKETS  BYTES  NEW "
              " LIVE\n"
              "dns      10.0.2.30     l3dsr dscp 2  active       3  75.0%  eth0 02:00:00:00:00:30        7  12.3M    3 "
              "    2\n"
              "dns      ns2 fd00::31  gue 5080      drain        1  25.0%  no_neighbour                  0      0    0 "
              "    0\n");
}

TEST(ShowTable, Flows) {
    EXPECT_EQ(table(View::flows),
              "SERVICE  BACKEND     IDLE  LIVE  CLOSING\n"
              "dns      10.0.2.30  120 s     2        1\n"
              "dns      ns2        120 s     0        0\n"
              "3 of 64 entries used (4.7%), in a part of 32\nkey 0e9bfec2 in force\n");
}

TEST(ShowTable, Neighbours) {
    EXPECT_EQ(table(View::neighbours),
              "ADDRESS    INTERFACE  MAC                STATE       FOR  BACKENDS\n"
              "10.0.2.30  eth0       02:00:00:00:00:30  reachable    3m  10.0.2.30 mtu 1500\n"
              "fd00::31   eth0       -                  incomplete    -  fd00::31\n");
}

TEST(ShowTable, Interfaces) {
    EXPECT_EQ(table(View::interfaces),
              "INTERFACE  INDEX  ROLE             XDP      MAC                 MTU  STATE\n"
              "eth0           2  balanced on      native   02:00:00:00:00:01  1500  up\n"
              "eth1           -  balanced on      generic  -                     -  absent\n"
              "storage        5  vlan 20 of eth0  -        02:00:00:00:00:01  1500  up\n"
              "eth2           6  member of bond0  -        02:00:00:00:00:01  1500  no carrier\n");
}

TEST(ShowTable, Counters) {
    const std::string text = table(View::counters);
    EXPECT_TRUE(text.starts_with("PACKETS  VERDICT       WHY\n      7  forwarded     to a backend\n")) << text;
    EXPECT_NE(text.find("      5  ttl           TTL or hop limit has run out\n"), text.npos) << text;
    EXPECT_NE(text.find("      9  echo          echo requests to a VIP answered\n"), text.npos) << text;
    EXPECT_TRUE(text.ends_with("latency: mean 100000 ns, 50% up to 64 ns, 99% up to 128 ns, of 200 packets measured\n"))
        << text;
}

TEST(ShowTable, Announcements) {
    EXPECT_EQ(table(View::announcements),
              "VIP            ANNOUNCED  METRIC  FOR  SERVICES          WHY\n"
              "192.0.2.1      yes           100   3m  dns up, web down  its services are up\n"
              "2001:db8::/64  no            200   1s  six up            its services are up, but not yet for the time "
              "of announce: hold\n"
              "routes of protocol 114 in table 186\n");
    EXPECT_EQ(to_table(View::announcements, to_json(View::announcements, Status{}), false),
              "nothing is announced: announce: {} in lbd.yaml\n");
}

TEST(Show, ViewsByName) {
    for (const auto name : view_names()) EXPECT_TRUE(view(name)) << name;
    EXPECT_EQ(view("services"), View::services);
    EXPECT_FALSE(view("service"));
}

TEST(Brief, IsALineForEachWithoutTitles) {
    const auto brief = [](View view) { return to_brief(view, to_json(view, status()), false); };
    EXPECT_EQ(brief(View::services), "dns  1/2  192.0.2.1\n");
    EXPECT_EQ(brief(View::backends),
              "dns  10.0.2.30  active       l3dsr dscp 2\ndns  ns2        unreachable  gue 5080\n");
    EXPECT_EQ(brief(View::flows), "dns  10.0.2.30  2\ndns  ns2        0\n");
    EXPECT_EQ(brief(View::neighbours),
              "10.0.2.30  reachable   eth0  02:00:00:00:00:30\nfd00::31   incomplete  eth0  -\n");
    EXPECT_EQ(brief(View::interfaces).substr(0, 21), "eth0     up    native");
    EXPECT_EQ(brief(View::announcements), "192.0.2.1      announced  up\n2001:db8::/64  withdrawn  held\n");
    EXPECT_EQ(brief(View::counters).substr(0, 12), "7  forwarded");
}

TEST(OfFamily, ServicesByVipAndTheOthersByAddress) {
    const auto left = [](View view, netlink::Family family) {
        return of_family(view, to_json(view, status()), family).size();
    };
    EXPECT_EQ(left(View::services, netlink::Family::ipv4), 1U);
    EXPECT_EQ(left(View::services, netlink::Family::ipv6), 0U);
    EXPECT_EQ(left(View::backends, netlink::Family::ipv6), 1U);
    EXPECT_EQ(left(View::neighbours, netlink::Family::ipv4), 1U);
    EXPECT_FALSE(has_family(View::flows));
}

}  // namespace
}  // namespace culvert::lbd
