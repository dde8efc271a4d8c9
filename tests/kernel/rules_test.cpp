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
    Rules rules() { return Rules(route()); }

    std::vector<Rule> all() { return value_of(rules().dump()); }
};

TEST_F(RulesTest, NewNamespaceHasTheThreeStandardOnes) {
    const Rule main4{.priority = 32766, .table = RT_TABLE_MAIN, .protocol = RTPROT_KERNEL};
    EXPECT_THAT(all(), testing::Contains(main4));
    EXPECT_EQ(std::ranges::count(all(), Family::ipv4, &Rule::family), 3);
    EXPECT_GE(std::ranges::count(all(), Family::ipv6, &Rule::family), 2);
}

TEST_F(RulesTest, RuleComesBackAsItWasGiven) {
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
        ASSERT_TRUE(succeeded(rules().add(wanted)));
        EXPECT_THAT(all(), testing::Contains(wanted));
        EXPECT_EQ(rules().add(wanted).error().code, EEXIST);
        ASSERT_TRUE(succeeded(rules().remove(wanted)));
        EXPECT_THAT(all(), testing::Not(testing::Contains(wanted)));
        EXPECT_EQ(rules().remove(wanted).error().code, ENOENT);
    }
}

TEST_F(RulesTest, IprouteReadsTheSame) {
    ASSERT_TRUE(succeeded(rules().add({.priority = 7, .table = 5000, .mark = 1, .mask = 0xff})));
    const auto witness = iproute2("-4 rule show pref 7").at(0);
    EXPECT_EQ(witness.at("table"), "5000");
    EXPECT_EQ(witness.at("fwmark"), "0x1");
    EXPECT_EQ(witness.at("fwmask"), "0xff");
    EXPECT_EQ(witness.at("src"), "all");
}

}  // namespace
}  // namespace culvert::netlink
