// SPDX-License-Identifier: Apache-2.0
#include "netlink/monitor.hpp"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <span>

#include "tests/unit/netlink/recorded.hpp"

namespace culvert::netlink {
namespace {

template <typename Change>
void expect_change(std::string_view name, bool removed) {
    const auto event = decode_event(recorded(name));
    ASSERT_TRUE(event.has_value()) << name;
    const auto* const change = std::get_if<Change>(&*event);
    ASSERT_NE(change, nullptr) << name;
    EXPECT_EQ(change->removed, removed) << name;
}

TEST(EventTest, EveryKindOfChange) {
    expect_change<LinkChanged>("link-veth", false);
    expect_change<LinkChanged>("link-removed", true);
    expect_change<AddressChanged>("address-ipv6", false);
    expect_change<AddressChanged>("address-removed", true);
    expect_change<RouteChanged>("route-ipv6", false);
    expect_change<RouteChanged>("route-removed", true);
    expect_change<NeighbourChanged>("neighbour-permanent", false);
    expect_change<NeighbourChanged>("neighbour-removed", true);
    expect_change<RuleChanged>("rule-main", false);
    expect_change<RuleChanged>("rule-removed", true);
}

TEST(EventTest, BridgePortThatIsReportedByItsBridgeIsNoEvent) {
    EXPECT_EQ(decode_event(recorded("link-bridge-port")), std::nullopt);
}

TEST(EventTest, NextHopObjects) {
    for (const std::uint16_t type : {RTM_NEWNEXTHOP, RTM_DELNEXTHOP}) {
        const nlmsghdr message{.nlmsg_len = sizeof message, .nlmsg_type = type};
        EXPECT_EQ(decode_event(std::as_bytes(std::span(&message, 1))), Event(NextHopsChanged{}));
    }
}

TEST(EventTest, NothingIsNoEvent) { EXPECT_EQ(decode_event({}), std::nullopt); }

}  // namespace
}  // namespace culvert::netlink
