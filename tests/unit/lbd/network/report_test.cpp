// SPDX-License-Identifier: Apache-2.0
#include "lbd/network/report.hpp"

#include <gmock/gmock.h>
#include <linux/if.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lbd/network/host_settings.hpp"
#include "tests/unit/lbd/address.hpp"
#include "tests/unit/lbd/link.hpp"

namespace culvert::lbd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint32_t uplink = 2;

Hop by(std::string_view mac, std::uint16_t mtu = 1500) {
    return NextHop{
        .ifindex = uplink, .destination = *netlink::MacAddress::parse(mac), .from = address("fd00::2"), .mtu = mtu};
}

Network network() {
    Network network;
    network.ports[uplink] = eth0_at(uplink);
    return network;
}

std::string no_cause(const IpAddress& /*backend*/) { return {}; }

// A thousand backends behind a flapping route cause one line each time.
TEST(WayChanges, OfManyBackendsAreOne) {
    Hops up, down;
    for (int i = 1; i <= 200; ++i) {
        up.emplace(address("10.1.0." + std::to_string(i)), by("02:00:00:00:00:99"));
        down.emplace(address("10.1.0." + std::to_string(i)), tl::unexpected(LB_DROP_NO_ROUTE));
    }
    const auto lost = way_changes(up, down, no_cause);
    ASSERT_EQ(lost.size(), 1U);
    EXPECT_EQ(lost[0].backends.size(), 200U);
    EXPECT_EQ(text(lost[0], network()),
              "200 backends (10.1.0.1, 10.1.0.2, 10.1.0.3, …): not reachable: no route to the backend");
    const auto found = way_changes(down, up, no_cause);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(text(found[0], network()),
              "200 backends (10.1.0.1, 10.1.0.2, 10.1.0.3, …): reachable by eth0 at 02:00:00:00:00:99");
    EXPECT_THAT(way_changes(up, up, no_cause), IsEmpty());
}

TEST(WayChanges, AreOfTheWayAndNotOfItsMtu) {
    const Hops before{{address("10.0.0.3"), by("02:00:00:00:00:99")}};
    EXPECT_THAT(way_changes(before, {{address("10.0.0.3"), by("02:00:00:00:00:99", 1400)}}, no_cause), IsEmpty());
    const auto moved = way_changes(before, {{address("10.0.0.3"), by("02:00:00:00:00:98")}}, no_cause);
    ASSERT_EQ(moved.size(), 1U);
    EXPECT_EQ(text(moved[0], network()), "backend 10.0.0.3: reachable by eth0 at 02:00:00:00:00:98");
}

TEST(WayChanges, AreToldApartByWhatKeepsTheMacAddressUnknown) {
    Hops hops;
    for (const char* one : {"10.0.0.3", "fd00::3"}) hops.emplace(address(one), tl::unexpected(LB_DROP_NO_NEIGHBOUR));
    const auto changes = way_changes({}, hops, [](const IpAddress& backend) {
        return backend.is_v4() ? std::string() : std::string("eth0 has no link-local address");
    });
    ASSERT_EQ(changes.size(), 2U);
    EXPECT_THAT(text(changes[1], network()), HasSubstr("backend fd00::3: not reachable: "));
    EXPECT_THAT(text(changes[1], network()), testing::EndsWith("; eth0 has no link-local address"));
}

TEST(WhyUnresolved, NamesWhatKeepsTheKernelFromAsking) {
    Network around = network();
    const NeighbourKey six{.link = uplink, .address = address("fd00::3")}, four{uplink, address("10.0.0.3")};
    EXPECT_EQ(why_unresolved(six, around),
              "eth0 has no link-local address, which IPv6 needs to resolve neighbours (ip addr add fe80::ff:fe00:1/64 "
              "dev eth0)");
    EXPECT_EQ(why_unresolved(four, around), "");
    around.with_link_local.insert(uplink);
    EXPECT_EQ(why_unresolved(six, around), "");
    around.ports[uplink].flags |= IFF_NOARP;
    for (const NeighbourKey& key : {four, six})
        EXPECT_EQ(why_unresolved(key, around), "eth0 has neighbour resolution switched off (ip link set eth0 arp on)");
}

TEST(NarrowPaths, AreThoseWithoutRoomForIpv6Clients) {
    Service six{.name = "six", .vip = address("2001:db8::1"), .ports = {{Protocol::udp, 53}}};
    Service four{.name = "four", .vip = address("192.0.2.1"), .ports = {{Protocol::udp, 53}}};
    for (Service* service : {&six, &four})
        for (const char* at : {"fd00::3", "fd00::4"})
            service->backends.push_back({.name = at, .address = address(at), .encap = Ipip{}});
    Services services;
    for (const Service& service : {six, four}) services.push_back(std::make_shared<const Service>(service));

    const Hops hops{{address("fd00::3"), by("02:00:00:00:00:99", 1319)},
                    {address("fd00::4"), by("02:00:00:00:00:99", 1320)}};
    const auto narrow = narrow_paths(services, hops);
    EXPECT_THAT(narrow, ElementsAre(NarrowPath{.service = "six", .backend = "fd00::3", .mtu = 1319, .needs = 1320}));
    EXPECT_THAT(text(narrow), HasSubstr("do not fit the path to six fd00::3: its MTU is 1319, and they need 1320"));
    EXPECT_EQ(text(std::vector<NarrowPath>{}), "");
}

// IN_DEV_RX_REDIRECTS of include/linux/inetdevice.h; IPv6 accepts none on a host that forwards.
TEST(RedirectSettings, CountByWhetherTheHostForwards) {
    EXPECT_FALSE(RedirectSettings{}.accepts4());
    EXPECT_TRUE((RedirectSettings{.all = true}.accepts4()));
    EXPECT_TRUE((RedirectSettings{.device = true}.accepts4()));
    EXPECT_FALSE((RedirectSettings{.all = true, .forwards = true}.accepts4()));
    EXPECT_TRUE((RedirectSettings{.all = true, .device = true, .forwards = true}.accepts4()));
    EXPECT_TRUE((RedirectSettings{.device6 = true}.accepts6()));
    EXPECT_FALSE((RedirectSettings{.device6 = true, .forwards6 = true}.accepts6()));

    EXPECT_THAT(RedirectSettings{}.cures("eth0"), IsEmpty());
    EXPECT_THAT((RedirectSettings{.all = true, .device = true, .device6 = true}.cures("eth0")),
                ElementsAre("net.ipv4.conf.all.accept_redirects=0", "net.ipv4.conf.eth0.accept_redirects=0",
                            "net.ipv6.conf.eth0.accept_redirects=0"));
    EXPECT_THAT((RedirectSettings{.all = true, .device = true, .forwards = true}.cures("eth0")),
                ElementsAre("net.ipv4.conf.all.accept_redirects=0"))
        << "one of the two is enough";
}

}  // namespace
}  // namespace culvert::lbd
