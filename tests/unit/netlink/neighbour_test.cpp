// SPDX-License-Identifier: Apache-2.0
#include "netlink/neighbour.hpp"

#include <gtest/gtest.h>
#include <linux/neighbour.h>

#include "tests/unit/netlink/recorded.hpp"
#include "tests/unit/netlink/values.hpp"

namespace culvert::netlink {
namespace {

Neighbour neighbour(std::string_view name) {
    const auto decoded = decode_neighbour(recorded(name));
    return decoded ? *decoded : throw std::runtime_error("not decoded");
}

TEST(NeighbourTest, Permanent) {
    const Neighbour found = neighbour("neighbour-permanent");
    EXPECT_EQ(
        found,
        (Neighbour{
            .address = ip("10.0.0.7"), .link = found.link, .mac = mac("02:00:00:00:00:07"), .state = NUD_PERMANENT}));
    EXPECT_GT(found.link, 0);
    EXPECT_TRUE(found.is_usable());
}

TEST(NeighbourTest, ManagedOneThatHasNotAnsweredYet) {
    const Neighbour found = neighbour("neighbour-managed");
    EXPECT_TRUE(found.managed);
    EXPECT_EQ(found.mac, std::nullopt);
    EXPECT_FALSE(found.is_usable());
}

TEST(NeighbourTest, StaleOneIsUsable) {
    const Neighbour found = neighbour("neighbour-ipv6-stale");
    EXPECT_EQ(found.state, NUD_STALE);
    EXPECT_EQ(found.flags, NTF_ROUTER);
    EXPECT_FALSE(found.managed);
    EXPECT_TRUE(found.is_usable());
}

TEST(NeighbourTest, WhatFailedIsNotUsable) {
    Neighbour found = neighbour("neighbour-permanent");
    for (const int state : {NUD_NONE, NUD_INCOMPLETE, NUD_FAILED}) {
        found.state = static_cast<std::uint16_t>(state);
        EXPECT_FALSE(found.is_usable()) << state;
    }
    found.state = NUD_REACHABLE;
    EXPECT_TRUE(found.is_usable());
    found.mac.reset();
    EXPECT_FALSE(found.is_usable());
}

TEST(NeighbourTest, OtherMessagesAreNone) {
    EXPECT_EQ(neighbour("neighbour-removed").address, ip("10.0.0.7"));
    EXPECT_EQ(decode_neighbour(recorded("route-ipv6")), std::nullopt);
}

}  // namespace
}  // namespace culvert::netlink
