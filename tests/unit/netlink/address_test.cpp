// SPDX-License-Identifier: Apache-2.0
#include "netlink/address.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/unit/netlink/values.hpp"

namespace culvert::netlink {
namespace {

TEST(FamilyTest, NumbersAndNames) {
    EXPECT_EQ(af(Family::ipv4), AF_INET);
    EXPECT_EQ(af(Family::ipv6), AF_INET6);
    EXPECT_EQ(family_from_af(AF_INET6), Family::ipv6);
    EXPECT_EQ(family_from_af(AF_UNIX), std::nullopt);
    EXPECT_EQ(name(Family::ipv6), "ipv6");
}

TEST(IpAddressTest, ReadsWhatItWrites) {
    for (const char* text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1:0:0:1"})
        EXPECT_EQ(ip(text).to_string(), text);
    EXPECT_EQ(ip("::ffff:192.0.2.1").family(), Family::ipv6);
    EXPECT_EQ(IpAddress{}, ip("0.0.0.0"));
}

TEST(IpAddressTest, RefusesWhatIsNone) {
    using namespace std::string_view_literals;
    for (const std::string_view text : {""sv, "10.1"sv, "192.0.2.256"sv, "192.0.2.1 "sv, "010.0.0.1"sv, "1.2.3.4/32"sv,
                                        "fe80::1%lo"sv, "2001:db8::1::"sv, "[::1]"sv, "192.0.2.1\0x"sv, "host"sv})
        EXPECT_EQ(IpAddress::parse(text), std::nullopt) << text;
}

TEST(IpAddressTest, BytesAreInNetworkOrder) {
    const IpAddress address = ip("192.0.2.1");
    ASSERT_EQ(address.bytes().size(), 4);
    EXPECT_EQ(address.bytes()[0], 192);
    EXPECT_EQ(IpAddress::from_bytes(address.bytes()), address);
    EXPECT_EQ(ip("2001:db8::1").bytes().size(), 16);
    EXPECT_EQ(IpAddress::from_bytes(ip("2001:db8::1").bytes()), ip("2001:db8::1"));
    EXPECT_EQ(IpAddress::from_bytes(address.bytes().first(3)), std::nullopt);
}

TEST(IpAddressTest, Kinds) {
    EXPECT_TRUE(ip("0.0.0.0").is_any() && ip("::").is_any());
    EXPECT_FALSE(ip("0.0.0.1").is_any());
    EXPECT_TRUE(ip("169.254.1.1").is_link_local() && ip("fe80::1").is_link_local() && ip("febf::1").is_link_local());
    EXPECT_FALSE(ip("fec0::1").is_link_local() || ip("169.253.0.1").is_link_local());
    EXPECT_TRUE(ip("224.0.0.1").is_multicast() && ip("239.1.1.1").is_multicast() && ip("ff02::1").is_multicast());
    EXPECT_FALSE(ip("240.0.0.1").is_multicast());
    EXPECT_TRUE(ip("127.9.9.9").is_loopback() && ip("::1").is_loopback());
    EXPECT_FALSE(ip("::2").is_loopback());
}

TEST(IpAddressTest, AddressesOfDifferentFamiliesDiffer) {
    EXPECT_NE(IpAddress::any(Family::ipv4), IpAddress::any(Family::ipv6));
    EXPECT_LT(ip("255.255.255.255"), ip("::"));
    EXPECT_LT(ip("10.0.0.1"), ip("10.0.0.2"));
}

TEST(PrefixTest, ReadsWhatItWrites) {
    for (const char* text : {"0.0.0.0/0", "198.51.100.0/28", "192.0.2.1/32", "::/0", "fd00::/64", "2001:db8::1/128"})
        EXPECT_EQ(prefix(text).to_string(), text);
    EXPECT_EQ(prefix("192.0.2.1"), prefix("192.0.2.1/32"));
    EXPECT_EQ(prefix("192.0.2.7/24").to_string(), "192.0.2.7/24") << "host bits stay";
}

TEST(PrefixTest, RefusesWhatIsNone) {
    for (const char* text :
         {"", "/24", "192.0.2.0/", "192.0.2.0/33", "fd00::/129", "192.0.2.0/024", "192.0.2.0/-1", "192.0.2.0/+1",
          "192.0.2.0/24 ", "192.0.2.0/24/24", "192.0.2.0/256", "192.0.2.0/255.0.0.0"})
        EXPECT_EQ(Prefix::parse(text), std::nullopt) << text;
}

TEST(PrefixTest, NetworkClearsHostBits) {
    EXPECT_EQ(prefix("192.0.2.255/25").network(), prefix("192.0.2.128/25"));
    EXPECT_EQ(prefix("255.255.255.255/0").network(), prefix("0.0.0.0/0"));
    EXPECT_EQ(prefix("255.255.255.255/32").network(), prefix("255.255.255.255/32"));
    EXPECT_EQ(prefix("2001:db8:ffff::1/33").network(), prefix("2001:db8:8000::/33"));
}

TEST(PrefixTest, Contains) {
    EXPECT_TRUE(prefix("198.51.100.0/28").contains(ip("198.51.100.15")));
    EXPECT_FALSE(prefix("198.51.100.0/28").contains(ip("198.51.100.16")));
    EXPECT_TRUE(prefix("198.51.100.7/28").contains(ip("198.51.100.0"))) << "host bits don't count";
    EXPECT_TRUE(prefix("0.0.0.0/0").contains(ip("255.255.255.255")));
    EXPECT_FALSE(prefix("::/0").contains(ip("192.0.2.1"))) << "the other family";
    EXPECT_TRUE(prefix("fd00::/127").contains(ip("fd00::1")));
    EXPECT_FALSE(prefix("fd00::/127").contains(ip("fd00::2")));
}

TEST(MacAddressTest, ReadsWhatItWrites) {
    EXPECT_EQ(mac("02:00:00:00:00:fe").to_string(), "02:00:00:00:00:fe");
    EXPECT_EQ(mac("AA:BB:CC:DD:EE:FF").to_string(), "aa:bb:cc:dd:ee:ff");
}

TEST(MacAddressTest, RefusesWhatIsNone) {
    for (const char* text : {"", "02:00:00:00:00", "02:00:00:00:00:0", "02:00:00:00:00:000", "02-00-00-00-00-00",
                             "02:00:00:00:00:0g", "0x:00:00:00:00:00", "02:00:00:00:00:00:00"})
        EXPECT_EQ(MacAddress::parse(text), std::nullopt) << text;
    const std::array<std::uint8_t, 8> eui64{};
    EXPECT_EQ(MacAddress::from_bytes(eui64), std::nullopt);
}

}  // namespace
}  // namespace culvert::netlink
