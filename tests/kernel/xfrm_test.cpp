// SPDX-License-Identifier: Apache-2.0
#include "netlink/xfrm.hpp"

#include <netinet/in.h>

#include "tests/kernel/kernel_test.hpp"

namespace culvert::netlink {
namespace {

class XfrmTest : public KernelTest {
  protected:
    void SetUp() override {
        KernelTest::SetUp();
        auto opened = Socket::open(NETLINK_XFRM);
        if (!opened && opened.error().code == EPROTONOSUPPORT) GTEST_SKIP() << "needs a kernel with CONFIG_XFRM_USER";
        ASSERT_TRUE(succeeded(opened));
        xfrm_.emplace(std::move(*opened));
    }

    Socket& xfrm() { return *xfrm_; }

  private:
    std::optional<Socket> xfrm_;
};

TEST_F(XfrmTest, AllOfAPolicyIsRead) {
    EXPECT_THAT(value_of(ipsec_policies(xfrm())), testing::IsEmpty());
    ASSERT_TRUE(
        shell("ip xfrm policy add dir in src 10.0.0.0/8 dst 192.0.2.1/32 proto tcp sport 7 dport 80 index 72 "
              "priority 5 mark 3 mask 1 action block"));
    ASSERT_TRUE(shell("ip xfrm policy add dir out src ::/0 dst 2001:db8::/32 if_id 9"));
    auto policies = value_of(ipsec_policies(xfrm()));
    ASSERT_EQ(policies.size(), 2U);
    if (policies.front().direction == IpsecDirection::out) std::swap(policies.front(), policies.back());
    EXPECT_EQ(policies.front(), (IpsecPolicy{.index = 72,
                                             .direction = IpsecDirection::in,
                                             .selector = {.source = prefix("10.0.0.0/8"),
                                                          .destination = prefix("192.0.2.1/32"),
                                                          .protocol = IPPROTO_TCP,
                                                          .source_port = 7,
                                                          .destination_port = 80},
                                             .priority = 5,
                                             .blocks = true,
                                             .mark = 1}));
    EXPECT_EQ(policies.back(),
              (IpsecPolicy{.index = policies.back().index,
                           .direction = IpsecDirection::out,
                           .selector = {.source = prefix("::/0"), .destination = prefix("2001:db8::/32")},
                           .xfrm_interface = 9}));
}

TEST_F(XfrmTest, DefaultsAreRead) {
    EXPECT_EQ(value_of(ipsec_defaults(xfrm())), IpsecDefaults{});
    ASSERT_TRUE(shell("ip xfrm policy setdefault in block"));
    EXPECT_EQ(value_of(ipsec_defaults(xfrm())), (IpsecDefaults{.in_blocked = true}));
    ASSERT_TRUE(shell("ip xfrm policy setdefault in accept out block"));
    EXPECT_EQ(value_of(ipsec_defaults(xfrm())), (IpsecDefaults{.out_blocked = true}));
}

}  // namespace
}  // namespace culvert::netlink
