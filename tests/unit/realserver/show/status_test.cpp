// SPDX-License-Identifier: Apache-2.0
#include "realserver/show/status.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/unit/realserver/simulated_host.hpp"

namespace culvert::realserver {
namespace {

using testing::ElementsAre;

const Desired l2_of_one_vip = desired("vips: [192.0.2.1]\nreceive: [{encap: l2}]");

TEST(Status, SetsWhatIsWantedBesideWhatIsFound) {
    SimulatedHost host;
    const Vip left_over{*Prefix::parse("192.0.2.9")};
    host.put(left_over);
    host.sysctl("net.ipv4.conf.all.arp_announce", 2);
    const Observed observed{host.state(), {key(left_over)}};
    std::vector<StatusRow> rows = status(l2_of_one_vip, observed, {});
    rows.back().received = Received{.packets = 12345, .dropped = 6};
    EXPECT_EQ(to_table(rows, false),
              "KIND    NAME                            WANTED   FOUND    STATE      RX PACKETS  RX DROPPED\n"
              "sysctl  net.ipv4.conf.all.arp_announce  2        2        ok\n"
              "sysctl  net.ipv4.conf.all.arp_ignore    1        0        differs\n"
              "vip     192.0.2.1                       present  absent   missing\n"
              "vip     192.0.2.9                       absent   present  left_over\n"
              "link    lo                              up       up       ok              12345           6\n");
    const auto json = to_json(rows);
    EXPECT_EQ(json.at("in_order"), false);
    EXPECT_EQ(json.at("items").back(), (nlohmann::ordered_json{{"kind", "link"},
                                                               {"name", "lo"},
                                                               {"wanted", "up"},
                                                               {"found", "up"},
                                                               {"state", "ok"},
                                                               {"rx_packets", 12345},
                                                               {"rx_dropped", 6}}));
}

TEST(Status, BriefIsALineForEachWhoseNameComesLast) {
    const Port port{.port = {.family = Family::ipv6, .port = 5080, .type = netlink::FouType::gue}, .device = {}};
    SimulatedHost host;
    host.put(port);
    const auto rows = status(l2_of_one_vip, {host.state(), {key(port)}}, {});
    EXPECT_EQ(to_brief(rows, false),
              "sysctl  differs    net.ipv4.conf.all.arp_announce\n"
              "sysctl  differs    net.ipv4.conf.all.arp_ignore\n"
              "vip     missing    192.0.2.1\n"
              "link    ok         lo\n"
              "port    left_over  5080/udp over ipv6\n");
}

TEST(Status, VipsPortsAndTunnelsHaveAFamily) {
    const auto of = [](const char* name, const auto& item) {
        SimulatedHost host;
        host.put(item);
        const auto rows = status(l2_of_one_vip, {host.state(), {key(item)}}, {});
        return std::ranges::find(rows, Key{key(item).kind, name}, &StatusRow::key)->family;
    };
    EXPECT_EQ(of("192.0.2.9", Vip{*Prefix::parse("192.0.2.9")}), Family::ipv4);
    EXPECT_EQ(of("2001:db8::/64", Vip{*Prefix::parse("2001:db8::/64")}), Family::ipv6);
    EXPECT_EQ(of("5080/udp over ipv6", Port{.port = {.family = Family::ipv6, .port = 5080}, .device = {}}),
              Family::ipv6);
    EXPECT_EQ(of("t", Device{.name = "t", .parameters = netlink::Tunnel{.kind = netlink::TunnelKind::gretap}}),
              Family::ipv4);
    EXPECT_EQ(of("lo", Link{.device = "lo", .up = true}), std::nullopt);
}

TEST(Status, IsInOrderWhenNothingIsToBeDone) {
    SimulatedHost host;
    host.put(Vip{*Prefix::parse("192.0.2.1")});
    host.sysctl("net.ipv4.conf.all.arp_announce", 2);
    host.sysctl("net.ipv4.conf.all.arp_ignore", 1);
    EXPECT_EQ(to_json(status(l2_of_one_vip, {host.state(), {}}, {})).at("in_order"), true);
}

TEST(Status, SaysWhatXdpHasCounted) {
    StatusRow row{.key = {Kind::decap, "eth0"}, .wanted = "xdp native: gue 5080", .found = "xdp native: gue 5080"};
    count({.received = {{"ipip", 0, 0}, {"gue", 12, 3400}}, .dropped = {{"source", 5}, {"no_vip", 0}}}, row);
    EXPECT_EQ(to_table({row}, false),
              "KIND   NAME  WANTED                FOUND                 STATE  RX PACKETS  RX DROPPED\n"
              "decap  eth0  xdp native: gue 5080  xdp native: gue 5080  ok             12           5\n"
              "\n"
              "DEVICE  XDP              PACKETS  BYTES\n"
              "eth0    received: gue         12   3400\n"
              "eth0    dropped: source        5\n");
    const auto item = to_json({row}).at("items").front();
    EXPECT_EQ(item.at("received").at("gue"), (nlohmann::ordered_json{{"packets", 12}, {"bytes", 3400}}));
    EXPECT_EQ(item.at("dropped"), (nlohmann::ordered_json{{"source", 5}, {"no_vip", 0}}));
}

}  // namespace
}  // namespace culvert::realserver
