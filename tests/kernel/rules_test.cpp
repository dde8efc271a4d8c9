// SPDX-License-Identifier: Apache-2.0
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>

#include "netlink/rule.hpp"
#include "tests/kernel/kernel_test.hpp"

namespace culvert::netlink {
namespace {

class RulesTest : public KernelTest {
  protected:
    std::vector<Rule> all() { return value_of(Rules(route()).dump()); }
};

TEST_F(RulesTest, NewNamespaceHasTheThreeStandardOnes) {
    const Rule main4{.priority = 32766, .table = RT_TABLE_MAIN, .protocol = RTPROT_KERNEL};
    EXPECT_THAT(all(), testing::Contains(main4));
    EXPECT_EQ(std::ranges::count(all(), Family::ipv4, &Rule::family), 3);
    EXPECT_GE(std::ranges::count(all(), Family::ipv6, &Rule::family), 2);
}

TEST_F(RulesTest, AllOfARuleIsRead) {
    for (const auto& [family, source, destination] : {std::tuple{Family::ipv4, "10.0.0.0/8", "192.0.2.1/32"},
                                                      std::tuple{Family::ipv6, "fd00::/8", "2001:db8::1/128"}}) {
        const Rule wanted{.family = family,
                          .priority = 100,
                          .table = 5000,
                          .source = prefix(source),
                          .destination = prefix(destination),
                          .input = "left",
                          .output = "lo",
                          .mark = 0x10,
                          .mask = 0xf0,
                          .ip_protocol = IPPROTO_UDP,
                          .source_ports = PortRange{1, 2},
                          .destination_ports = PortRange{53, 53},
                          .suppress_prefix_length = 0,
                          .invert = true,
                          .protocol = 77};
        const std::string ip = family == Family::ipv4 ? "ip -4" : "ip -6";
        ASSERT_TRUE(shell(ip + " rule add pref 100 not from " + source + " to " + destination +
                          " iif left oif lo fwmark 0x10/0xf0 ipproto udp sport 1-2 dport 53 protocol 77 table 5000 "
                          "suppress_prefixlength 0"));
        EXPECT_THAT(all(), testing::Contains(wanted));
        ASSERT_TRUE(shell(ip + " rule del pref 100"));
        EXPECT_THAT(all(), testing::Not(testing::Contains(wanted)));
    }
}

}  // namespace
}  // namespace culvert::netlink
