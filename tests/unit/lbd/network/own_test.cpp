// SPDX-License-Identifier: Apache-2.0
#include "lbd/network/own.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>

#include "lbd/datapath/own.hpp"

namespace culvert::lbd {
namespace {

using netlink::Link;
using netlink::MacAddress;
using testing::ElementsAre;

MacAddress mac(std::uint8_t last) { return {{2, 0, 0, 0, 0, last}}; }

/// The last bytes of the MAC addresses for which frames at a port are ours.
std::vector<int> own_by(const Network& network, std::uint32_t port) {
    std::vector<int> macs;
    for (const OwnMac& one : own(network).macs)
        if (one.port == port) macs.push_back(one.mac.bytes[5]);
    return macs;
}

class OwnTest : public testing::Test {
  protected:
    Link& add(std::uint32_t index, const char* kind, std::uint8_t last_byte) {
        return network_.links[index] = {
                   .index = index, .name = std::to_string(index), .kind = kind, .mac = mac(last_byte)};
    }
    void balance_on(std::uint32_t index) { network_.ports[index] = network_.links[index]; }

    Network network_;
};

TEST_F(OwnTest, AreThoseOfThePortAndOfWhatStandsOnIt) {
    add(1, "", 1);
    add(2, "vlan", 2).lower = 1;
    add(3, "macvlan", 3).lower = 2;  // a virtual router's
    add(4, "veth", 4).lower = 1;     // its peer happens to have that index in another namespace
    add(5, "macvlan", 5).lower = 1;
    network_.links[5].lower_netns = 0;  // the port is in another namespace
    add(6, "", 6);
    balance_on(1);
    EXPECT_THAT(own_by(network_, 1), ElementsAre(1, 2, 3));
    EXPECT_THAT(own_by(network_, 6), ElementsAre());
}

TEST_F(OwnTest, OfABondComeByItsMembers) {
    add(1, "", 7).master = 3;
    add(2, "", 8).master = 3;
    add(3, "bond", 7).details = netlink::Bond{};
    add(4, "vlan", 9).lower = 3;
    balance_on(3);
    for (const std::uint32_t port : {1, 2, 3}) EXPECT_THAT(own_by(network_, port), ElementsAre(7, 8, 9)) << port;
}

TEST_F(OwnTest, OfABridgeAreItsMembersTooAndOfAMemberTheBridges) {
    add(1, "", 1).master = 3;
    add(2, "", 2).master = 3;
    add(3, "bridge", 3);
    balance_on(3);
    EXPECT_THAT(own_by(network_, 3), ElementsAre(1, 2, 3));
    EXPECT_THAT(own_by(network_, 1), ElementsAre());
    network_.ports.clear();
    balance_on(1);
    EXPECT_THAT(own_by(network_, 1), ElementsAre(1, 3));
}

bool is_ours(const lb_own& table, const std::array<std::uint8_t, 6>& mac, std::uint32_t port, bool by_port) {
    return addressee(table, mac, port, by_port) == Addressee::us;
}

TEST(OwnTable, HasEveryAddressByItsPortAndNoOther) {
    Own own;
    for (std::uint32_t port = 1; port <= 8; ++port)
        for (std::uint8_t i = 0; i < 8; ++i)
            own.macs.insert({.port = port, .mac = mac(static_cast<std::uint8_t>(i * port))});
    const lb_own table = own_table(own, true), one_port = own_table(own, false);
    ASSERT_EQ(table.any_mac, 0U);
    for (std::uint32_t port = 0; port <= 9; ++port)
        for (unsigned last = 0; last < 256; ++last) {
            const MacAddress address = mac(static_cast<std::uint8_t>(last));
            EXPECT_EQ(is_ours(table, address.bytes, port, true), own.macs.contains({.port = port, .mac = address}));
            EXPECT_EQ(is_ours(one_port, address.bytes, port, false),
                      std::ranges::any_of(own.macs, [&](const OwnMac& one) { return one.mac == address; }));
        }
}

TEST(OwnTable, HasTheVlansOfDevicesOnPortsAndOfThoseOnThem) {
    Network network;
    const auto vlan = [&](std::uint32_t index, std::uint32_t lower, std::uint16_t id) {
        network.vlans[index] = {.index = index, .mac = mac(1), .lower = lower, .details = netlink::Vlan{.id = id}};
    };
    network.ports[1] = network.links[1] = {.index = 1, .mac = mac(1)};
    vlan(2, 1, 10);
    vlan(3, 2, 20);
    vlan(4, 9, 30);
    const Own ours = own(network);
    EXPECT_THAT(ours.vlans, ElementsAre(10, 20));
    const auto to = [&](std::vector<std::uint8_t> tags) {
        std::vector<std::uint8_t> frame{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9};
        frame.insert(frame.end(), tags.begin(), tags.end());
        frame.resize(60);
        return addressee(own_table(ours, false), frame, 1, false);
    };
    EXPECT_EQ(to({0x08, 0x00}), Addressee::us);
    EXPECT_EQ(to({0x81, 0x00, 0xe0, 10, 0x08, 0x00}), Addressee::us);
    EXPECT_EQ(to({0x81, 0x00, 0, 30, 0x08, 0x00}), Addressee::other_vlan);
    EXPECT_EQ(to({0x88, 0xa8, 0, 10, 0x81, 0x00, 0, 20, 0x08, 0x00}), Addressee::us);
    EXPECT_EQ(to({0x88, 0xa8, 0, 10, 0x81, 0x00, 0, 30, 0x08, 0x00}), Addressee::other_vlan);
    EXPECT_EQ(to({0x81, 0x00, 0xe0, 0, 0x81, 0x00, 0, 10, 0x08, 0x00}), Addressee::us);
}

TEST(OwnTable, ThatIsTooSmallTakesAnyButGroups) {
    Own own;
    for (std::uint8_t i = 0; i <= LB_MAC_WAYS; ++i) own.macs.insert({.port = 1, .mac = {{2, 0, 0, 0, i, 1}}});
    const lb_own table = own_table(own, true);
    EXPECT_EQ(table.any_mac, 1U);
    EXPECT_TRUE(is_ours(table, std::array<std::uint8_t, 6>{4, 1, 2, 3, 4, 5}, 9, true));
    EXPECT_FALSE(is_ours(table, std::array<std::uint8_t, 6>{5, 1, 2, 3, 4, 5}, 9, true));
}

}  // namespace
}  // namespace culvert::lbd
