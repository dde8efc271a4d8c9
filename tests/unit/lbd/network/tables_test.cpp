// SPDX-License-Identifier: Apache-2.0
#include "lbd/network/tables.hpp"

#include <gmock/gmock.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <string_view>

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;
using netlink::MacAddress;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Key;

constexpr std::uint32_t eth0 = 2;
constexpr std::uint32_t vlan = 10;
constexpr Tables::Clock::time_point midday{12h};

netlink::Link link(std::uint32_t index, const char* name, const char* mac = "02:00:00:00:00:01") {
    netlink::Link link;
    link.index = index;
    link.name = name;
    link.flags = IFF_UP | IFF_LOWER_UP;
    link.mac = MacAddress::parse(mac);
    return link;
}

netlink::Link vlan_link() {
    netlink::Link made = link(vlan, "eth0.10");
    made.lower = eth0;
    made.details = netlink::Vlan{.id = 10};
    return made;
}

netlink::Neighbour neighbour(std::string_view address, std::uint16_t state, const char* mac = "02:00:00:00:00:99") {
    return {.address = *IpAddress::parse(address), .link = eth0, .mac = MacAddress::parse(mac), .state = state};
}

netlink::InterfaceAddress own(std::string_view address, std::uint8_t scope, std::uint32_t flags = 0) {
    netlink::InterfaceAddress made;
    made.link = eth0;
    made.prefix = netlink::Prefix::host(*IpAddress::parse(address));
    made.scope = scope;
    made.flags = flags;
    return made;
}

class TablesTest : public testing::Test {
  protected:
    TablesTest() { tables.load({link(1, "lo", ""), link(eth0, "eth0"), vlan_link(), link(3, "eth1")}, {}, midday); }

    Tables tables{{"eth0"}};
};

TEST_F(TablesTest, PortsAreTheInterfacesOfTheConfigurationByAnyOfTheirNames) {
    EXPECT_THAT(tables.network().ports, ElementsAre(Key(eth0)));
    EXPECT_THAT(tables.network().vlans, ElementsAre(Key(vlan)));
    EXPECT_THAT(tables.network().links, ElementsAre(Key(eth0), Key(3), Key(vlan)));
    EXPECT_TRUE(has_vlans(tables.network()));
    EXPECT_THAT(tables.missing(), IsEmpty());

    Tables other({"lan", "eth7"});
    netlink::Link renamed = link(eth0, "enp1s0");
    renamed.alternative_names = {"lan"};
    other.load({renamed}, {}, midday);
    EXPECT_THAT(other.network().ports, ElementsAre(Key(eth0)));
    EXPECT_THAT(other.missing(), ElementsAre("eth7"));
}

TEST_F(TablesTest, MembersAreThoseOfBondsThatArePorts) {
    netlink::Link member = link(4, "eth2"), stranger = link(5, "eth3");
    member.master = eth0;
    stranger.master = 3;
    tables.load({link(eth0, "eth0"), link(3, "eth1"), member, stranger}, {}, midday);
    EXPECT_THAT(tables.network().members, ElementsAre(Key(4)));
    member.master = 0;
    (void)tables.take({.value = member});
    EXPECT_THAT(tables.network().members, IsEmpty());
}

TEST_F(TablesTest, AllIsOthersOnceAPortOrItsVlanComesOrGoes) {
    EXPECT_EQ(tables.take({.value = link(eth0, "eth0"), .removed = true}), Effect::all);
    EXPECT_EQ(tables.take({.value = link(eth0, "renamed")}), Effect::all);
    EXPECT_EQ(tables.take({.value = link(6, "eth0")}), Effect::all);
    EXPECT_EQ(tables.take({.value = vlan_link(), .removed = true}), Effect::all);
}

TEST_F(TablesTest, RoutesMayBeOthersWhenAPortOrAVlanHasChanged) {
    netlink::Link down = link(eth0, "eth0");
    down.flags = IFF_UP;
    EXPECT_EQ(tables.take({.value = down}), Effect::routes);
    EXPECT_FALSE(tables.network().ports.at(eth0).has_carrier());
    EXPECT_EQ(tables.take({.value = vlan_link()}), Effect::routes);
}

TEST_F(TablesTest, AnotherLinkMattersOnlyIfItStandsOnOthers) {
    EXPECT_EQ(tables.take({.value = link(3, "eth1", "02:00:00:00:00:07")}), Effect::nothing);
    EXPECT_EQ(tables.network().links.at(3).mac, MacAddress::parse("02:00:00:00:00:07"));
    netlink::Link macvlan = link(7, "vrrp", "00:00:5e:00:01:01");
    macvlan.kind = "macvlan";
    macvlan.lower = eth0;
    EXPECT_EQ(tables.take({.value = macvlan}), Effect::ways);
    EXPECT_EQ(tables.take({.value = macvlan}), Effect::nothing) << "it is as it was";
    netlink::Link veth = link(8, "veth0");
    veth.kind = "veth";
    veth.lower = eth0;
    EXPECT_EQ(tables.take({.value = veth}), Effect::nothing) << "that is its other end";
    EXPECT_EQ(tables.take({.value = veth, .removed = true}), Effect::ways);
    EXPECT_FALSE(tables.network().links.contains(8));
}

TEST_F(TablesTest, NeighboursAreThoseOfPortsAndVlans) {
    netlink::Neighbour elsewhere = neighbour("10.0.0.2", NUD_REACHABLE);
    elsewhere.link = 3;
    EXPECT_EQ(tables.take({.value = elsewhere}, midday), Effect::nothing);
    EXPECT_EQ(tables.take({.value = neighbour("10.0.0.2", NUD_REACHABLE)}, midday), Effect::ways);
    EXPECT_THAT(tables.network().neighbours, ElementsAre(Key(NeighbourKey{eth0, *IpAddress::parse("10.0.0.2")})));
    EXPECT_EQ(tables.take({.value = neighbour("10.0.0.2", NUD_REACHABLE), .removed = true}, midday), Effect::ways);
    EXPECT_THAT(tables.network().neighbours, IsEmpty());
}

TEST_F(TablesTest, ItIsKnownSinceWhenANeighbourHasItsMacAddress) {
    const NeighbourKey key{eth0, *IpAddress::parse("10.0.0.2")};
    EXPECT_EQ(tables.since(key), std::nullopt);
    tables.take({.value = neighbour("10.0.0.2", NUD_REACHABLE)}, midday);
    tables.take({.value = neighbour("10.0.0.2", NUD_STALE)}, midday + 1min);
    EXPECT_EQ(tables.since(key), midday) << "it is still the same";
    tables.take({.value = neighbour("10.0.0.2", NUD_FAILED)}, midday + 2min);
    EXPECT_EQ(tables.since(key), midday + 2min) << "since then it has none";
    tables.take({.value = neighbour("10.0.0.2", NUD_REACHABLE, "02:00:00:00:00:98")}, midday + 3min);
    EXPECT_EQ(tables.since(key), midday + 3min);
    tables.load({link(eth0, "eth0")}, {neighbour("10.0.0.2", NUD_REACHABLE, "02:00:00:00:00:98")}, midday + 4min);
    EXPECT_EQ(tables.since(key), midday + 3min) << "a list says nothing new";
    tables.load({link(eth0, "eth0")}, {}, midday + 5min);
    EXPECT_EQ(tables.since(key), std::nullopt);
    EXPECT_THAT(tables.network().neighbours, IsEmpty());
}

TEST_F(TablesTest, IPv6AsksFromALinkLocalAddressThatIsInUse) {
    tables.load_addresses({own("fd00::1", RT_SCOPE_UNIVERSE), own("fe80::1", RT_SCOPE_LINK, IFA_F_TENTATIVE),
                           own("fe80::2", RT_SCOPE_LINK, IFA_F_DADFAILED)});
    EXPECT_THAT(tables.network().with_link_local, IsEmpty());
    tables.load_addresses({own("fe80::3", RT_SCOPE_LINK)});
    EXPECT_THAT(tables.network().with_link_local, ElementsAre(eth0));
}

}  // namespace
}  // namespace culvert::lbd
