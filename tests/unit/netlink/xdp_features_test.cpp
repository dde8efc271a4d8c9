// SPDX-License-Identifier: Apache-2.0
#include "netlink/xdp_features.hpp"

#include <gtest/gtest.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>

#include <cstdint>

#include "netlink/channels.hpp"
#include "netlink/message.hpp"
#include "tests/unit/netlink/recorded.hpp"

namespace culvert::netlink {
namespace {

constexpr int family = 0x20;

Message answer(std::uint64_t features) {
    Message message(family, 0, genlmsghdr{.cmd = 1, .version = 1});
    message.u32(1, 7).put(3, &features, sizeof features);
    return message;
}

TEST(XdpFeaturesTest, EachBitIsWhatItSays) {
    EXPECT_EQ(decode_xdp_features(answer(0).bytes()), XdpFeatures{});
    EXPECT_EQ(decode_xdp_features(answer(1).bytes()), XdpFeatures{.native = true});
    EXPECT_EQ(decode_xdp_features(answer(3 | 32).bytes()), (XdpFeatures{.native = true, .redirects = true}));
    EXPECT_EQ(decode_xdp_features(answer(7).bytes()),
              (XdpFeatures{.native = true, .redirects = true, .transmits = true}));
}

TEST(XdpFeaturesTest, OtherMessagesAreNone) {
    EXPECT_EQ(decode_xdp_features(answer(7).bytes().first(NLMSG_HDRLEN)), std::nullopt);
    EXPECT_EQ(decode_channels(recorded("route-default")), std::nullopt);
}

TEST(ChannelsTest, WhatThereIsAndWhatThereMayBe) {
    Message message(family, 0, genlmsghdr{.cmd = ETHTOOL_MSG_CHANNELS_GET_REPLY, .version = 1});
    message.nest(ETHTOOL_A_CHANNELS_HEADER, [](Message& header) { header.u32(ETHTOOL_A_HEADER_DEV_INDEX, 7); })
        .u32(ETHTOOL_A_CHANNELS_COMBINED_MAX, 8)
        .u32(ETHTOOL_A_CHANNELS_COMBINED_COUNT, 4);
    EXPECT_EQ(decode_channels(message.bytes()), (Channels{.combined = 4, .most_combined = 8}));
}

}  // namespace
}  // namespace culvert::netlink
