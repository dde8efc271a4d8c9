// SPDX-License-Identifier: Apache-2.0
#include "lbd/next_hop/own_macs.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>

namespace culvert::lbd {
namespace {

using netlink::Link;
using netlink::MacAddress;
using testing::ElementsAre;

MacAddress mac(std::uint8_t last) { return {{2, 0, 0, 0, 0, last}}; }

/// MAC addresses of frames that are ours by a port, their last bytes.
std::vector<int> own_by(const Network& network, std::uint32_t port) {
    std::vector<int> macs;
    for (const OwnMac& one : own_macs(network))
        if (one.port == port) macs.push_back(one.mac.bytes[5]);
    return macs;
}

class OwnMacsTest : public testing::Test {
  protected:
    Link& add(std::uint32_t index, const char* kind, std::uint8_t last_byte) {
        return network_.links[index] = {
                   .index = index, .name = std::to_string(index), .kind = kind, .mac = mac(last_byte)};
    }
    void balance_on(std::uint32_t index) { network_.ports[index] = network_.links[index]; }

    Network network_;
};

TEST_F(OwnMacsTest, AreThoseOfThePortAndOfWhatStandsOnIt) {
    add(1, "", 1);
    add(2, "vlan", 2).lower = 1;
    add(3, "macvlan", 3).lower = 2;  // a virtual router's
    add(4, "veth", 4).lower = 1;     // its other end has that index by chance
    add(5, "macvlan", 5).lower = 1;
    network_.links[5].lower_netns = 0;  // the port is another namespace's
    add(6, "", 6);
    balance_on(1);
    EXPECT_THAT(own_by(network_, 1), ElementsAre(1, 2, 3));
    EXPECT_THAT(own_by(network_, 6), ElementsAre());
}

TEST_F(OwnMacsTest, OfABondComeByItsMembers) {
    add(1, "", 7).master = 3;
    add(2, "", 8).master = 3;
    add(3, "bond", 7).details = netlink::Bond{};
    add(4, "vlan", 9).lower = 3;
    balance_on(3);
    for (const std::uint32_t port : {1, 2, 3}) EXPECT_THAT(own_by(network_, port), ElementsAre(7, 8, 9)) << port;
}

TEST_F(OwnMacsTest, OfABridgeAreItsMembersTooAndOfAMemberTheBridges) {
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

TEST(MacTable, HasEveryAddressByItsPortAndNoOther) {
    OwnMacs own;
    for (std::uint32_t port = 1; port <= 8; ++port)
        for (std::uint8_t i = 0; i < 8; ++i)
            own.insert({.port = port, .mac = mac(static_cast<std::uint8_t>(i * port))});
    const lb_macs table = mac_table(own, true), one_port = mac_table(own, false);
    ASSERT_EQ(table.any, 0U);
    for (std::uint32_t port = 0; port <= 9; ++port)
        for (unsigned last = 0; last < 256; ++last) {
            const MacAddress address = mac(static_cast<std::uint8_t>(last));
            EXPECT_EQ(is_own(table, address.bytes, port, true), own.contains({.port = port, .mac = address}));
            EXPECT_EQ(is_own(one_port, address.bytes, port, false),
                      std::ranges::any_of(own, [&](const OwnMac& one) { return one.mac == address; }));
        }
}

TEST(MacTable, ThatIsTooSmallTakesAnyButGroups) {
    OwnMacs own;
    for (std::uint8_t i = 0; i <= LB_MAC_WAYS; ++i) own.insert({.port = 1, .mac = {{2, 0, 0, 0, i, 1}}});
    const lb_macs table = mac_table(own, true);
    EXPECT_EQ(table.any, 1U);
    EXPECT_TRUE(is_own(table, std::array<std::uint8_t, 6>{4, 1, 2, 3, 4, 5}, 9, true));
    EXPECT_FALSE(is_own(table, std::array<std::uint8_t, 6>{5, 1, 2, 3, 4, 5}, 9, true));
}

}  // namespace
}  // namespace culvert::lbd
