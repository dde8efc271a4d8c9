// SPDX-License-Identifier: Apache-2.0
#include "netlink/ifaddr.hpp"

#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "tests/unit/netlink/recorded.hpp"
#include "tests/unit/netlink/values.hpp"

namespace culvert::netlink {
namespace {

TEST(InterfaceAddressTest, WithLabelAndProtocol) {
    EXPECT_EQ(decode_interface_address(recorded("address-label-protocol")),
              (InterfaceAddress{.prefix = prefix("192.0.2.1/32"),
                                .link = 1,
                                .scope = RT_SCOPE_UNIVERSE,
                                .flags = IFA_F_PERMANENT,
                                .label = "lo:vip",
                                .protocol = 77}));
}

TEST(InterfaceAddressTest, PeerIsTheOtherEndAndThePrefixOurs) {
    const auto address = decode_interface_address(recorded("address-peer"));
    ASSERT_TRUE(address.has_value());
    EXPECT_EQ(address->prefix, prefix("10.0.0.1/31"));
    EXPECT_EQ(address->peer, ip("10.0.0.2"));
    EXPECT_EQ(address->label, "left");
}

TEST(InterfaceAddressTest, Ipv6WithFlagsBeyondTheFirstEight) {
    EXPECT_EQ(decode_interface_address(recorded("address-ipv6")),
              (InterfaceAddress{.prefix = prefix("2001:db8::1/128"),
                                .link = 1,
                                .flags = IFA_F_PERMANENT | IFA_F_NODAD | IFA_F_NOPREFIXROUTE}));
}

TEST(InterfaceAddressTest, Ipv6Peer) {
    const auto address = decode_interface_address(recorded("address-ipv6-peer"));
    ASSERT_TRUE(address.has_value());
    EXPECT_EQ(address->prefix.address, ip("fd00::1"));
    EXPECT_EQ(address->peer, ip("fd00::2"));
}

TEST(InterfaceAddressTest, OtherMessagesAreNone) {
    EXPECT_NE(decode_interface_address(recorded("address-removed")), std::nullopt);
    EXPECT_EQ(decode_interface_address(recorded("link-loopback")), std::nullopt);
    EXPECT_EQ(decode_interface_address(recorded("route-ipv6")), std::nullopt);
}

}  // namespace
}  // namespace culvert::netlink
