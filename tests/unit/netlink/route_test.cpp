// SPDX-License-Identifier: Apache-2.0
#include "netlink/route.hpp"

#include <gmock/gmock.h>

#include "tests/unit/netlink/recorded.hpp"
#include "tests/unit/netlink/values.hpp"

namespace culvert::netlink {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Route route(std::string_view name) {
    const auto decoded = decode_route(recorded(name));
    return decoded ? *decoded : throw std::runtime_error("not decoded");
}

/// The link of the only hop. Its index depends on the devices that the kernel creates in a new namespace.
std::uint32_t left(const Route& route) { return route.hops.at(0).link; }

TEST(RouteTest, Default) {
    const Route found = route("route-default");
    EXPECT_EQ(found, (Route{.destination = prefix("0.0.0.0/0"),
                            .hops = {{.gateway = ip("10.0.0.254"), .link = left(found)}},
                            .protocol = RTPROT_BOOT}));
}

TEST(RouteTest, AllOfIt) {
    const Route found = route("route-all-of-it");
    EXPECT_EQ(found, (Route{.destination = prefix("192.0.2.0/24"),
                            .hops = {{.gateway = ip("10.0.0.254"), .link = left(found)}},
                            .source = ip("10.0.0.1"),
                            .table = 5000,
                            .protocol = 77,
                            .metric = 50,
                            .mtu = 1300,
                            .advertised_mss = 1200}));
}

TEST(RouteTest, Multipath) {
    const Route found = route("route-multipath");
    EXPECT_THAT(found.hops, ElementsAre(NextHop{.gateway = ip("10.0.0.253"), .link = left(found), .weight = 1},
                                        NextHop{.gateway = ip("10.0.0.254"), .link = left(found), .weight = 20}));
    const Route found6 = route("route-ipv6-multipath");
    EXPECT_THAT(found6.hops, ElementsAre(NextHop{.gateway = ip("fd00::fd"), .link = left(found6), .weight = 1},
                                         NextHop{.gateway = ip("fd00::fe"), .link = left(found6), .weight = 3}));
}

TEST(RouteTest, GatewayOfTheOtherFamily) {
    const Route one = route("route-via-ipv6");
    EXPECT_EQ(one.destination, prefix("192.0.2.0/24"));
    EXPECT_THAT(one.hops, ElementsAre(NextHop{.gateway = ip("fd00::fe"), .link = left(one)}));
    const Route two = route("route-multipath-via-ipv6");
    EXPECT_THAT(two.hops, ElementsAre(NextHop{.gateway = ip("fd00::fe"), .link = left(two)},
                                      NextHop{.gateway = ip("10.0.0.254"), .link = left(two)}));
}

TEST(RouteTest, BlackholeHasNoHop) {
    EXPECT_EQ(route("route-blackhole").type, RTN_BLACKHOLE);
    EXPECT_THAT(route("route-blackhole").hops, IsEmpty());
}

TEST(RouteTest, Ipv6) {
    const Route found = route("route-ipv6");
    EXPECT_EQ(found, (Route{.destination = prefix("2001:db8::/32"),
                            .hops = {{.gateway = ip("fd00::fe"), .link = left(found)}},
                            .protocol = RTPROT_BOOT,
                            .metric = 50,
                            .mtu = 1300}));
}

TEST(RouteTest, AnswerToALookup) {
    const Route found = route("route-lookup");
    EXPECT_EQ(found.destination, prefix("192.0.2.1/32"));
    EXPECT_THAT(found.hops, ElementsAre(NextHop{.gateway = ip("10.0.0.254"), .link = left(found)}));
    EXPECT_EQ(found.source, ip("10.0.0.1"));
    EXPECT_EQ(found.table, RT_TABLE_MAIN);
}

TEST(RouteTest, RemovedOneIsDecodedToo) { EXPECT_EQ(route("route-removed").destination, prefix("192.0.2.0/24")); }

TEST(RouteTest, OtherMessagesAreNone) {
    EXPECT_EQ(decode_route(recorded("address-ipv6")), std::nullopt);
    EXPECT_EQ(decode_route(recorded("rule-main")), std::nullopt);
}

}  // namespace
}  // namespace culvert::netlink
