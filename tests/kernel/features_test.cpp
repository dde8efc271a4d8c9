// SPDX-License-Identifier: Apache-2.0
#include "netlink/features.hpp"

#include "tests/kernel/kernel_test.hpp"

namespace culvert::netlink {
namespace {

using FeaturesTest = KernelTest;

TEST_F(FeaturesTest, AreAsTheyWereSet) {
    make_veth();
    const auto before = features("left");
    ASSERT_TRUE(succeeded(before));
    EXPECT_FALSE(before->at("rx-gro").fixed);
    for (const bool on : {true, false, true}) {
        ASSERT_TRUE(succeeded(set_features("left", {"rx-gro", "rx-vlan-hw-parse"}, on)));
        const auto now = features("left");
        ASSERT_TRUE(succeeded(now));
        EXPECT_EQ(now->at("rx-gro").on, on);
        EXPECT_EQ(now->at("rx-vlan-hw-parse").on, on);
        EXPECT_EQ(now->at("tx-checksum-ip-generic"), before->at("tx-checksum-ip-generic"));
    }
}

TEST_F(FeaturesTest, ThatAreFixedSaySo) {
    const auto lo = features("lo");
    ASSERT_TRUE(succeeded(lo));
    EXPECT_EQ(lo->at("loopback"), (Feature{.on = true, .fixed = true}));
    EXPECT_EQ(set_features("lo", {"loopback"}, false).error().code, EOPNOTSUPP);
    EXPECT_TRUE(succeeded(set_features("lo", {"no-such-feature"}, false)));
}

TEST_F(FeaturesTest, OfNoDeviceAreNone) {
    EXPECT_EQ(features("nobody").error().code, ENODEV);
    EXPECT_EQ(set_features("nobody", {"rx-gro"}, false).error().code, ENODEV);
}

}  // namespace
}  // namespace culvert::netlink
