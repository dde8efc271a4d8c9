// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>

#include <array>

#include "netlink/channels.hpp"
#include "netlink/xdp_features.hpp"
#include "tests/kernel/kernel_test.hpp"

namespace culvert::netlink {
namespace {

using testing::HasSubstr;

class XdpTest : public KernelTest {
  protected:
    void SetUp() override {
        KernelTest::SetUp();
        if (IsSkipped()) return;
        generic_.emplace(Socket::open(NETLINK_GENERIC).value());
        constexpr std::array<bpf_insn, 2> pass{
            {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
             {.code = BPF_JMP | BPF_EXIT}}};
        program_ = ::bpf_prog_load(BPF_PROG_TYPE_XDP, "pass", "GPL", pass.data(), pass.size(), nullptr);
        if (program_ < 0) GTEST_SKIP() << "needs permission to load BPF programs";
        ASSERT_TRUE(succeeded(links().create({.name = "near", .kind = Veth{.peer = "far"}})));
    }
    void TearDown() override {
        if (program_ >= 0) ::close(program_);
        KernelTest::TearDown();
    }

    std::optional<Socket> generic_;
    int program_ = -1;
};

TEST_F(XdpTest, WhatIsAttachedIsSeenAndGoesByItsOwnModeOnly) {
    for (const std::uint32_t mode : {XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE}) {
        ASSERT_TRUE(succeeded(links().attach_xdp("near", program_, mode | XDP_FLAGS_UPDATE_IF_NOEXIST)));
        const auto there = value_of(links().get("near"));
        ASSERT_TRUE(there.xdp);
        EXPECT_EQ(there.xdp->mode, mode == XDP_FLAGS_SKB_MODE ? XDP_ATTACHED_SKB : XDP_ATTACHED_DRV);
        const auto again = links().attach_xdp("near", program_, mode | XDP_FLAGS_UPDATE_IF_NOEXIST);
        ASSERT_FALSE(again);
        EXPECT_THAT(again.error().kernel, HasSubstr("already attached"));
        ASSERT_TRUE(succeeded(links().detach_xdp("near", program_, mode)));
        EXPECT_FALSE(value_of(links().get("near")).xdp);
    }
}

TEST_F(XdpTest, TheKernelSaysWhyNot) {
    ASSERT_TRUE(succeeded(links().change("far", {.mtu = 9000})));
    const auto refused = links().attach_xdp("near", program_, XDP_FLAGS_DRV_MODE);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ERANGE);
    EXPECT_THAT(refused.error().kernel, HasSubstr("Peer MTU is too large to set XDP"));
}

TEST_F(XdpTest, AVethTransmitsWhatXdpSendsIfItsOtherEndTakesIt) {
    const auto index = value_of(links().get("near")).index;
    const auto features = xdp_features(*generic_, index);
    if (!features && features.error().code == ENOENT)
        GTEST_SKIP() << "this kernel doesn't report the XDP features of drivers";
    EXPECT_EQ(value_of(features), (XdpFeatures{.native = true, .redirects = true}));
    ASSERT_TRUE(succeeded(links().attach_xdp("far", program_, XDP_FLAGS_DRV_MODE)));
    EXPECT_TRUE(value_of(xdp_features(*generic_, index)).transmits);
    EXPECT_EQ(xdp_features(*generic_, 4711).error().code, ENODEV);
}

TEST_F(XdpTest, AVethHasQueues) {
    const Channels queues = value_of(channels(*generic_, "near"));
    EXPECT_GE(queues.receive + queues.combined, 1U);
    EXPECT_GE(queues.most_receive + queues.most_combined, queues.receive + queues.combined);
    EXPECT_EQ(channels(*generic_, "lo").error().code, EOPNOTSUPP);
}

}  // namespace
}  // namespace culvert::netlink
