// SPDX-License-Identifier: Apache-2.0
#include "netlink/rule.hpp"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include "tests/unit/netlink/recorded.hpp"
#include "tests/unit/netlink/values.hpp"

namespace culvert::netlink {
namespace {

TEST(RuleTest, OfEveryNamespace) {
    EXPECT_EQ(decode_rule(recorded("rule-main")),
              (Rule{.priority = 32766, .table = RT_TABLE_MAIN, .protocol = RTPROT_KERNEL}));
}

TEST(RuleTest, AllOfIt) {
    EXPECT_EQ(decode_rule(recorded("rule-all-of-it")), (Rule{.priority = 100,
                                                             .table = 5000,
                                                             .source = prefix("10.0.0.0/8"),
                                                             .destination = prefix("192.0.2.1/32"),
                                                             .input = "left",
                                                             .output = "lo",
                                                             .mark = 0x10,
                                                             .mask = 0xf0,
                                                             .ip_protocol = IPPROTO_UDP,
                                                             .source_ports = PortRange{1, 2},
                                                             .destination_ports = PortRange{53, 53},
                                                             .suppress_prefix_length = 0,
                                                             .invert = true,
                                                             .protocol = 77}));
}

TEST(RuleTest, Ipv6) {
    const auto rule = decode_rule(recorded("rule-ipv6"));
    ASSERT_TRUE(rule.has_value());
    EXPECT_EQ(rule->family, Family::ipv6);
    EXPECT_EQ(rule->source, prefix("fd00::/8"));
    EXPECT_EQ(rule->destination, std::nullopt);
    EXPECT_EQ(rule->suppress_prefix_length, std::nullopt);
}

TEST(RuleTest, OtherMessagesAreNone) {
    EXPECT_NE(decode_rule(recorded("rule-removed")), std::nullopt);
    EXPECT_EQ(decode_rule(recorded("route-default")), std::nullopt);
}

}  // namespace
}  // namespace culvert::netlink
