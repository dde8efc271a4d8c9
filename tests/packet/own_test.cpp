// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/packet/flows.hpp"

namespace culvert::packet {
namespace {

constexpr netlink::MacAddress own{{2, 0, 0, 0, 0, 2}}, virtual_router{{0, 0, 0x5e, 0, 1, 7}}, other{{2, 0, 0, 0, 0, 3}};

Packet frame_to(const netlink::MacAddress& mac) { return Ethernet{.destination = mac.to_string()} / IPv4() / TCP(); }

lb_config with_one_port() {
    lb_config config = all_on();
    config.redirect = 0;
    return config;
}

/// RFC 1812, section 5.3.4.
class OwnFrames : public BalancerTest {};

TEST_F(OwnFrames, FramesForOthersAndForManyPassUntouched) {
    FlowBalancer balancer;
    for (const char* mac : {"02:00:00:00:00:03", "02:00:00:00:01:02", "03:00:00:00:00:02", "00:00:00:00:00:00",
                            "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "33:33:00:00:00:01"})
        for (const Packet& packet : {IPv4() / TCP(), IPv4{.ttl = 1} / TCP(), IPv4() / Icmp{.type = 8},
                                     IPv4{.checksum = 0} / TCP(), IPv6() / Icmp6{.type = 128}}) {
            const Packet frame = Ethernet{.destination = mac} / packet;
            const Outcome outcome = balancer.receive(frame);
            EXPECT_EQ(outcome.fate, "pass") << mac;
            EXPECT_TRUE(same(frame, outcome.frame));
        }
    EXPECT_EQ(used(entries(balancer)), 0U);
}

TEST_F(OwnFrames, FramesForEveryAddressOfThePortAreBalanced) {
    FlowBalancer balancer;
    balancer.set_own({.macs = {{.port = 1, .mac = own}, {.port = 1, .mac = virtual_router}}, .vlans = {}});
    EXPECT_EQ(balancer.send(frame_to(own)), "backend 1");
    EXPECT_EQ(balancer.send(frame_to(virtual_router)), "backend 1");
    EXPECT_EQ(balancer.send(frame_to(other)), "pass");
    balancer.set_own({.macs = {{.port = 1, .mac = other}}, .vlans = {}});
    EXPECT_EQ(balancer.send(frame_to(own)), "pass") << "that was its address before";
    EXPECT_EQ(balancer.send(frame_to(other)), "backend 1");
}

TEST_F(OwnFrames, FramesForAnotherPortOfThisHostAreThatPorts) {
    FlowBalancer balancer;
    balancer.set_own({.macs = {{.port = 1, .mac = own}, {.port = 2, .mac = other}}, .vlans = {}});
    EXPECT_EQ(balancer.send(frame_to(other)), "pass");
    FlowBalancer with_one({1}, with_one_port());
    with_one.set_own({.macs = {{.port = 7, .mac = other}}, .vlans = {}});
    EXPECT_EQ(with_one.send(frame_to(other)), "backend 1") << "perhaps through a member of the port";
    EXPECT_EQ(with_one.send(frame_to(own)), "pass");
}

// Their last bytes are the same, so they share a line of the table.
TEST_F(OwnFrames, MoreThanFitMakeEveryUnicastFrameOurs) {
    FlowBalancer balancer;
    lbd::Own mine;
    for (std::uint8_t i = 1; i <= LB_MAC_WAYS; ++i) mine.macs.insert({.port = 1, .mac = {{2, 0, 0, 0, i, 2}}});
    balancer.set_own(mine);
    for (const auto& one : mine.macs) EXPECT_EQ(balancer.send(frame_to(one.mac)), "backend 1");
    EXPECT_EQ(balancer.send(frame_to(other)), "pass");
    mine.macs.insert({.port = 1, .mac = {{2, 0, 0, 0, LB_MAC_WAYS + 1, 2}}});
    balancer.set_own(mine);
    EXPECT_EQ(balancer.send(frame_to(other)), "backend 1");
    EXPECT_EQ(balancer.send(frame_to({{1, 0, 0x5e, 0, 0, 1}})), "pass");
}

}  // namespace
}  // namespace culvert::packet
