// SPDX-License-Identifier: Apache-2.0
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "netlink/ifaddr.hpp"
#include "tests/kernel/kernel_test.hpp"

namespace culvert::netlink {
namespace {

class AddressesTest : public KernelTest {
  protected:
    InterfaceAddresses addresses() { return InterfaceAddresses(route()); }
    Result<> remove(const InterfaceAddress& unwanted) { return route().request(InterfaceAddresses::removal(unwanted)); }

    std::vector<InterfaceAddress> on_lo(Family family) {
        return value_of(addresses().dump({.family = family, .link = 1}));
    }
};

TEST_F(AddressesTest, VirtualAddressComesBackAsItWasGiven) {
    InterfaceAddress vip{.prefix = prefix("192.0.2.1/32"), .link = 1, .label = "lo:vip", .protocol = 77};
    ASSERT_TRUE(succeeded(addresses().add(vip)));
    vip.flags = IFA_F_PERMANENT;
    EXPECT_THAT(on_lo(Family::ipv4), testing::ElementsAre(vip));
    const auto witness = iproute2("-4 address show dev lo").at(0).at("addr_info").at(0);
    EXPECT_EQ(witness.at("local"), "192.0.2.1");
    EXPECT_EQ(witness.at("prefixlen"), 32);
    EXPECT_EQ(witness.at("label"), "lo:vip");

    EXPECT_THAT(addresses().add(vip).error().message(),
                testing::StartsWith("add address 192.0.2.1/32 of link 1: File exists"));
    ASSERT_TRUE(succeeded(remove(vip)));
    EXPECT_THAT(on_lo(Family::ipv4), testing::IsEmpty());
    EXPECT_EQ(remove(vip).error().code, EADDRNOTAVAIL);
}

TEST_F(AddressesTest, WholePrefixOnLoopback) {
    InterfaceAddress vips{.prefix = prefix("198.51.100.7/28"), .link = 1, .scope = RT_SCOPE_HOST};
    ASSERT_TRUE(succeeded(addresses().add(vips)));
    vips.flags = IFA_F_PERMANENT;
    vips.label = "";  // only an address added with a label has one
    auto found = on_lo(Family::ipv4);
    ASSERT_EQ(found.size(), 1);
    found.front().label = "";
    EXPECT_EQ(found.front(), vips);
}

TEST_F(AddressesTest, Ipv6WithoutDuplicateAddressDetection) {
    const InterfaceAddress vip{
        .prefix = prefix("2001:db8::1/128"), .link = 1, .flags = IFA_F_NODAD | IFA_F_NOPREFIXROUTE, .protocol = 77};
    ASSERT_TRUE(succeeded(links().change("lo", {.up = true})));
    ASSERT_TRUE(succeeded(addresses().add(vip)));
    auto expected = vip;
    expected.flags |= IFA_F_PERMANENT;
    EXPECT_THAT(on_lo(Family::ipv6), testing::Contains(expected));
    ASSERT_TRUE(succeeded(remove(vip)));
    EXPECT_THAT(on_lo(Family::ipv6), testing::Not(testing::Contains(expected)));
}

TEST_F(AddressesTest, DeprecatedIsARequest) {
    ASSERT_TRUE(succeeded(links().change("lo", {.up = true})));
    const InterfaceAddress vip{.prefix = prefix("2001:db8::1/128"), .link = 1, .flags = IFA_F_NODAD | IFA_F_DEPRECATED};
    ASSERT_TRUE(succeeded(addresses().add(vip)));
    auto expected = vip;
    expected.flags |= IFA_F_PERMANENT;
    EXPECT_THAT(on_lo(Family::ipv6), testing::Contains(expected));
}

TEST_F(AddressesTest, PeerIsTheOtherEnd) {
    make_veth();
    for (const auto& [local, peer] : {std::pair{"10.0.0.1/32", "10.0.0.2"}, std::pair{"fd00::1/128", "fd00::2"}}) {
        InterfaceAddress wanted{
            .prefix = prefix(local), .peer = ip(peer), .link = index_of("left"), .flags = IFA_F_NODAD};
        ASSERT_TRUE(succeeded(addresses().add(wanted)));
        const auto found = addresses().dump({.family = wanted.prefix.address.family(), .link = wanted.link});
        ASSERT_TRUE(succeeded(found));
        ASSERT_FALSE(found->empty());
        EXPECT_EQ(found->front().prefix, wanted.prefix);
        EXPECT_EQ(found->front().peer, wanted.peer);
        ASSERT_TRUE(succeeded(remove(wanted)));
    }
}

TEST_F(AddressesTest, DumpIsFilteredByTheKernel) {
    make_veth();
    ASSERT_TRUE(succeeded(addresses().add({.prefix = prefix("10.0.0.1/24"), .link = index_of("left")})));
    ASSERT_TRUE(succeeded(addresses().add({.prefix = prefix("10.0.1.1/24"), .link = index_of("right")})));
    EXPECT_EQ(addresses().dump({.family = Family::ipv4})->size(), 2);
    EXPECT_EQ(addresses().dump({.family = Family::ipv4, .link = index_of("right")})->size(), 1);
    EXPECT_GT(addresses().dump()->size(), 2) << "IPv6 link-local addresses too";
}

}  // namespace
}  // namespace culvert::netlink
