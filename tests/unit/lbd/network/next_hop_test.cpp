// SPDX-License-Identifier: Apache-2.0
#include "lbd/network/next_hop.hpp"

#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "tests/unit/lbd/address.hpp"
#include "tests/unit/lbd/link.hpp"

namespace culvert::lbd {
namespace {

using netlink::MacAddress;

constexpr std::uint32_t port = 2;

class NextHopTest : public testing::Test {
  protected:
    NextHopTest() { network.ports[port] = eth0_at(port); }

    void learn(std::string_view of, std::uint16_t state, std::uint32_t link = port) {
        network.neighbours[{link, address(of)}] = {
            .address = address(of), .link = link, .mac = MacAddress::parse("02:00:00:00:00:99"), .state = state};
    }

    void add_vlan(std::uint32_t index, std::uint32_t on, netlink::Vlan vlan) {
        netlink::Link link;
        link.index = index;
        link.flags = IFF_UP | IFF_LOWER_UP;
        link.mtu = 1496;
        link.mac = MacAddress::parse("02:00:00:00:00:10");
        link.lower = on;
        link.details = vlan;
        network.vlans[index] = link;
    }

    static netlink::Route route(std::string_view from, std::optional<IpAddress> gateway = {},
                                std::uint32_t link = port) {
        netlink::Route route;
        route.hops = {{.gateway = gateway, .link = link}};
        route.source = address(from);
        return route;
    }

    void expect_reason(const std::optional<netlink::Route>& by, lb_reason reason) {
        const Hop hop = next_hop(backend, by, network);
        ASSERT_FALSE(hop);
        EXPECT_EQ(hop.error(), reason);
    }

    Network network;
    const IpAddress backend = address("10.0.0.2");
};

TEST_F(NextHopTest, ByAVlanDeviceLeavesByItsPortTagged) {
    add_vlan(10, port, {.id = 100});
    learn("10.0.0.2", NUD_REACHABLE, 10);
    const Hop hop = next_hop(backend, route("10.0.0.1", {}, 10), network);
    ASSERT_TRUE(hop);
    EXPECT_EQ(hop->ifindex, port);
    EXPECT_EQ(hop->source.to_string(), "02:00:00:00:00:10");
    EXPECT_EQ(hop->tags, (std::vector<VlanTag>{{.id = 100}}));
    EXPECT_EQ(hop->mtu, 1496);
}

TEST_F(NextHopTest, ByAVlanInAVlanHasTheLowerOnesTagOutside) {
    add_vlan(10, port, {.id = 200, .protocol = 0x88a8});
    add_vlan(11, 10, {.id = 100});
    learn("10.0.0.2", NUD_REACHABLE, 11);
    const Hop hop = next_hop(backend, route("10.0.0.1", {}, 11), network);
    ASSERT_TRUE(hop);
    EXPECT_EQ(hop->tags, (std::vector<VlanTag>{{.id = 200, .protocol = 0x88a8}, {.id = 100}}));

    add_vlan(12, 11, {.id = 300});
    learn("10.0.0.2", NUD_REACHABLE, 12);
    expect_reason(route("10.0.0.1", {}, 12), LB_DROP_NO_INTERFACE);
}

TEST_F(NextHopTest, ByAVlanOfAnotherInterfaceIsNone) {
    add_vlan(10, 7, {.id = 100});
    learn("10.0.0.2", NUD_REACHABLE, 10);
    expect_reason(route("10.0.0.1", {}, 10), LB_DROP_NO_INTERFACE);
}

TEST_F(NextHopTest, OnTheLink) {
    learn("10.0.0.2", NUD_REACHABLE);
    const Hop hop = next_hop(backend, route("10.0.0.1"), network);
    ASSERT_TRUE(hop);
    EXPECT_EQ(*hop, (NextHop{.ifindex = port,
                             .source = *MacAddress::parse("02:00:00:00:00:01"),
                             .destination = *MacAddress::parse("02:00:00:00:00:99"),
                             .from = address("10.0.0.1"),
                             .mtu = 1500}));
}

TEST_F(NextHopTest, BehindAGateway) {
    learn("10.0.0.254", NUD_STALE);
    EXPECT_TRUE(next_hop(backend, route("10.0.0.1", address("10.0.0.254")), network));
    expect_reason(route("10.0.0.1"), LB_DROP_NO_NEIGHBOUR);
}

TEST_F(NextHopTest, BehindALinkLocalGatewayOfTheOtherFamily) {
    learn("fe80::1", NUD_DELAY);
    const auto by = route("10.0.0.1", address("fe80::1"));
    EXPECT_EQ(neighbour_on_the_way(backend, by, network), (NeighbourKey{port, address("fe80::1")}));
    EXPECT_TRUE(next_hop(backend, by, network));
}

TEST_F(NextHopTest, TheGatewayOfAnotherLinkIsAnother) {
    learn("fe80::1", NUD_REACHABLE, 7);
    expect_reason(route("10.0.0.1", address("fe80::1")), LB_DROP_NO_NEIGHBOUR);
}

TEST_F(NextHopTest, TheMtuOfARouteComesFirst) {
    learn("10.0.0.2", NUD_PERMANENT);
    auto by = route("10.0.0.1");
    by.mtu = 1400;
    EXPECT_EQ(next_hop(backend, by, network)->mtu, 1400);
}

TEST_F(NextHopTest, IPv6MayHaveAnMtuOfItsOwn) {
    const IpAddress six = address("fd00::2");
    learn("fd00::2", NUD_PERMANENT);
    learn("10.0.0.2", NUD_PERMANENT);
    auto by = route("fd00::1");
    EXPECT_EQ(next_hop(six, by, network)->mtu, 1500);
    network.ipv6_mtus = {{port, 1400}, {port + 1, 1300}};
    EXPECT_EQ(next_hop(six, by, network)->mtu, 1400);
    EXPECT_EQ(next_hop(backend, route("10.0.0.1"), network)->mtu, 1500);
    network.ipv6_mtus[port] = 9000;
    EXPECT_EQ(next_hop(six, by, network)->mtu, 1500);
    by.mtu = 1280;
    EXPECT_EQ(next_hop(six, by, network)->mtu, 1280);
}

TEST_F(NextHopTest, AnMtuBeyond16BitsIsCut) {
    learn("10.0.0.2", NUD_PERMANENT);
    network.ports[port].mtu = 65536;
    EXPECT_EQ(next_hop(backend, route("10.0.0.1"), network)->mtu, 65535);
}

TEST_F(NextHopTest, AFailedNeighboursAddressIsNotUsed) {
    learn("10.0.0.2", NUD_FAILED);
    expect_reason(route("10.0.0.1"), LB_DROP_NO_NEIGHBOUR);
    learn("10.0.0.2", NUD_INCOMPLETE);
    expect_reason(route("10.0.0.1"), LB_DROP_NO_NEIGHBOUR);
}

TEST_F(NextHopTest, NoRoute) {
    learn("10.0.0.2", NUD_REACHABLE);
    expect_reason(std::nullopt, LB_DROP_NO_ROUTE);
    auto forbidding = route("10.0.0.1");
    forbidding.type = RTN_BROADCAST;
    expect_reason(forbidding, LB_DROP_NO_ROUTE);
    auto without_source = route("10.0.0.1");
    without_source.source.reset();
    expect_reason(without_source, LB_DROP_NO_ROUTE);
}

TEST_F(NextHopTest, ALinkThatIsNotAPort) {
    learn("10.0.0.2", NUD_REACHABLE, 7);
    const auto by = route("10.0.0.1", {}, 7);
    expect_reason(by, LB_DROP_NO_INTERFACE);
    EXPECT_EQ(neighbour_on_the_way(backend, by, network), std::nullopt);
}

TEST_F(NextHopTest, APortThatIsDown) {
    learn("10.0.0.2", NUD_REACHABLE);
    network.ports[port].flags = IFF_UP;
    expect_reason(route("10.0.0.1"), LB_DROP_NO_INTERFACE);
    network.ports[port].flags = IFF_LOWER_UP;
    expect_reason(route("10.0.0.1"), LB_DROP_NO_INTERFACE);
}

}  // namespace
}  // namespace culvert::lbd
