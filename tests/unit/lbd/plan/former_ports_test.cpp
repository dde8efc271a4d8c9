// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/former_ports.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace culvert::lbd {
namespace {

constexpr std::uint8_t tcp = 6;

Vip vip(const std::string& text) { return *netlink::Prefix::parse(text); }

/// A port of a service whose ids begin at `base`; the VIP itself is entered, too.
void enter(Image& image, const std::string& text, std::uint16_t port, std::uint32_t base) {
    image.vips.try_emplace({vip(text), 0, 0});
    image.vips[{vip(text), tcp, port}] = {.ring = 0, .ring_size = 0, .dest_base = base, .flags = 0, .transition = 0};
}

/// The first id of the service that packets to the port were of; 0: of none.
std::uint32_t former(const Image& image, const std::string& text, std::uint16_t port, std::uint32_t base = 0) {
    FormerPorts ports(image, image.vips);
    const lb_service* found = ports.of({vip(text), tcp, port}, base);
    return found == nullptr ? 0 : found->dest_base;
}

TEST(FormerPorts, APortIsWhatItWas) {
    Image image;
    enter(image, "192.0.2.1", 80, 1);
    enter(image, "192.0.2.1", 0, 2);
    enter(image, "192.0.2.0/28", 80, 3);
    EXPECT_EQ(former(image, "192.0.2.1", 80), 1U);
    EXPECT_EQ(former(image, "192.0.2.1", 443), 2U) << "all ports";
    EXPECT_EQ(former(image, "192.0.2.2", 80), 3U);
    EXPECT_EQ(former(image, "192.0.2.0/28", 80), 3U);
    EXPECT_EQ(former(image, "192.0.2.2", 443), 0U);
    EXPECT_EQ(former(image, "192.0.2.16", 80), 0U);
    EXPECT_EQ(former(image, "2001:db8::1", 80), 0U);
}

TEST(FormerPorts, TheLongestNetworkHadThePackets) {
    Image image;
    enter(image, "192.0.0.0/16", 80, 1);
    enter(image, "192.0.2.0/24", 0, 2);
    EXPECT_EQ(former(image, "192.0.2.1", 80), 2U);
    EXPECT_EQ(former(image, "192.0.2.0/28", 0), 2U);
    EXPECT_EQ(former(image, "192.0.3.0/28", 80), 1U);
    EXPECT_EQ(former(image, "192.0.3.0/28", 0), 1U) << "one of all ports";
}

TEST(FormerPorts, AWiderPortHasThePacketsOfThoseThatAreGone) {
    Image image;
    enter(image, "192.0.2.1", 80, 1);
    enter(image, "192.0.2.1", 443, 2);
    enter(image, "192.0.2.64/26", 80, 3);
    EXPECT_EQ(former(image, "192.0.2.1", 0), 1U);
    EXPECT_EQ(former(image, "192.0.2.1", 0, 2), 2U) << "its own, if there are several";
    EXPECT_EQ(former(image, "192.0.2.0/24", 443), 2U);
    EXPECT_EQ(former(image, "192.0.2.64/27", 0), 3U);
    EXPECT_EQ(former(image, "192.0.2.0/24", 80, 3), 3U);
    EXPECT_EQ(former(image, "192.0.2.0/24", 22), 0U);
}

TEST(FormerPorts, NeighboursAreWideServicesThatStay) {
    const auto service = [](const std::string& name, const std::string& text, std::uint16_t port) {
        return Service{.name = name, .vip = vip(text), .ports = {{Protocol::tcp, port}}, .health = {}, .backends = {}};
    };
    const Services before{service("wide", "192.0.2.0/24", 80), service("all", "192.0.2.1", 0),
                          service("one", "192.0.2.1", 22), service("far", "198.51.100.0/24", 80),
                          service("left", "192.0.0.0/16", 80)};
    Services gone;
    gone.push_back(before.shared().back());
    const Services found = neighbours(before, gone, {service("new", "192.0.2.1", 443)});
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].name, "wide");
    EXPECT_EQ(found[1].name, "all");
    EXPECT_TRUE(neighbours(before, gone, {}).empty());
}

}  // namespace
}  // namespace culvert::lbd
