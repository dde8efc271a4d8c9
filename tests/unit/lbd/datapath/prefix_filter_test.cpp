// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/prefix_filter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace culvert::lbd {
namespace {

using netlink::IpAddress;
using netlink::Prefix;

std::vector<Prefix> networks(const std::vector<std::string>& texts) {
    std::vector<Prefix> all;
    for (const std::string& text : texts) all.push_back(Prefix::parse(text).value());
    return all;
}

/// As the program does.
bool takes(const lb_prefix_filter& filter, const IpAddress& address) {
    std::uint64_t first = 0;
    const auto bytes = address.bytes();
    std::memcpy(&first, bytes.data(), std::min(bytes.size(), sizeof first));
    return std::ranges::any_of(filter.mask, [&](std::uint64_t mask) {
        const std::uint64_t bit = lb_filter_bit(first & mask);
        return (filter.bits[bit / 64] >> bit % 64 & 1) != 0;
    });
}

bool takes(const lb_prefix_filter& filter, const std::string& address) {
    return takes(filter, IpAddress::parse(address).value());
}

TEST(PrefixFilter, WithoutNetworksTakesNothing) {
    const lb_prefix_filter filter = prefix_filter({});
    EXPECT_FALSE(takes(filter, "0.0.0.0"));
    EXPECT_FALSE(takes(filter, "192.0.2.1"));
    EXPECT_FALSE(takes(filter, "2001:db8::1"));
}

TEST(PrefixFilter, TakesAddressesOfItsNetworks) {
    const lb_prefix_filter filter = prefix_filter(networks({"192.0.2.0/24", "198.51.100.128/25", "10.0.0.0/8"}));
    EXPECT_TRUE(takes(filter, "192.0.2.255"));
    EXPECT_TRUE(takes(filter, "198.51.100.128"));
    EXPECT_TRUE(takes(filter, "10.255.1.2"));
    EXPECT_FALSE(takes(filter, "192.0.3.1"));
    EXPECT_FALSE(takes(filter, "198.51.100.127"));
    EXPECT_FALSE(takes(filter, "11.0.0.1"));
}

TEST(PrefixFilter, OfIpv6LooksAtTheFirst64Bits) {
    const lb_prefix_filter filter = prefix_filter(networks({"2001:db8:1::/48", "2001:db8:2:3:4::/80"}));
    EXPECT_TRUE(takes(filter, "2001:db8:1:ffff::1"));
    EXPECT_TRUE(takes(filter, "2001:db8:2:3:4::1"));
    EXPECT_TRUE(takes(filter, "2001:db8:2:3:5::1"));
    EXPECT_FALSE(takes(filter, "2001:db8:2:4::1"));
    EXPECT_FALSE(takes(filter, "2001:db8:3::1"));
}

TEST(PrefixFilter, OfAllAddressesTakesAll) {
    const lb_prefix_filter filter = prefix_filter(networks({"0.0.0.0/0", "10.0.0.0/8"}));
    EXPECT_TRUE(takes(filter, "0.0.0.0"));
    EXPECT_TRUE(takes(filter, "10.0.0.1"));
    EXPECT_TRUE(takes(filter, "203.0.113.9"));
}

TEST(PrefixFilter, OfManyLengthsRefusesNoneOfTheirs) {
    const auto all = networks({"8.0.0.0/6", "10.0.0.0/8", "10.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16",
                               "192.0.2.0/24", "198.51.100.0/25", "203.0.113.8/30", "203.0.113.4/31"});
    const lb_prefix_filter filter = prefix_filter(all);
    for (const Prefix& network : all) EXPECT_TRUE(takes(filter, network.address)) << network.to_string();
    EXPECT_TRUE(takes(filter, "203.0.113.11"));
    EXPECT_FALSE(takes(filter, "224.0.0.1"));
}

TEST(PrefixFilter, TakesFewOfOthers) {
    std::mt19937 random(1);
    std::vector<Prefix> all;
    for (int i = 0; i < 100; ++i) {
        const std::uint32_t bits = static_cast<std::uint32_t>(random());
        all.push_back(Prefix::parse(std::to_string(bits >> 24) + "." + std::to_string(bits >> 16 & 255) + "." +
                                    std::to_string(bits >> 8 & 255) + ".0/24")
                          .value());
    }
    const lb_prefix_filter filter = prefix_filter(all);
    int taken = 0;
    for (int i = 0; i < 10'000; ++i) {
        const std::uint32_t bits = static_cast<std::uint32_t>(random());
        std::string text;
        for (const int shift : {24, 16, 8, 0}) text += std::to_string(bits >> shift & 255) + (shift != 0 ? "." : "");
        taken += takes(filter, text) ? 1 : 0;
    }
    EXPECT_LT(taken, 500);  // 100 of 4,096 bits are set
}

}  // namespace
}  // namespace culvert::lbd
