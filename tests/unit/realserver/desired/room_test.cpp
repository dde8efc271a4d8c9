// SPDX-License-Identifier: Apache-2.0
#include "realserver/desired/room.hpp"

#include <gmock/gmock.h>

#include "tests/unit/realserver/simulated_host.hpp"

namespace culvert::realserver {
namespace {

using testing::ElementsAre;

constexpr std::string_view both = "balancers: [10.0.0.1, 'fd00::1']\nvips: [192.0.2.1, '2001:db8::1']\n";

Desired both_with(std::string_view rest) { return desired(std::string(both) + std::string(rest)); }

TEST(Room, IsWhatTheHeadersLeave) {
    constexpr Family v4 = Family::ipv4;
    constexpr Family v6 = Family::ipv6;
    EXPECT_THAT(
        rooms(both_with("receive: [{encap: ipip, family: ipv4}, {encap: gre, family: ipv6, inner: ipv4}]")),
        ElementsAre(Room{"ipip", v4, v4, 20, 1480}, Room{"ipip", v4, v6, 20, 1480}, Room{"gre", v6, v4, 44, 1456}));
    EXPECT_THAT(rooms(both_with("receive: [{encap: fou, port: 5004, inner: ipv6}]")),
                ElementsAre(Room{"fou 5004", v4, v6, 28, 1472}, Room{"fou 5004", v6, v6, 48, 1452}));
    EXPECT_THAT(rooms(both_with("receive: [{encap: gue, port: 5080, inner: gre, family: ipv4}]\nmtu: 1400")),
                ElementsAre(Room{"gre in gue 5080", v4, v4, 36, 1364}, Room{"gre in gue 5080", v4, v6, 36, 1364}));
    EXPECT_THAT(rooms(both_with("receive: [{encap: l2}, {encap: l3dsr, dscp: 2, vip: 192.0.2.1}]")), ElementsAre());
}

TEST(Clamp, IsWhatFitsThroughTheNarrowestTunnelOfTheFamily) {
    const Desired wide = both_with("receive: [{encap: ipip, family: ipv4}]");
    EXPECT_EQ(clamp(wide, Family::ipv4), 1500 - 20 - 40);
    EXPECT_EQ(clamp(wide, Family::ipv6), 1500 - 20 - 60);
    const Desired mixed = both_with("mtu: 9000\nreceive: [{encap: gue, port: 5080, inner: ipv4}, {encap: ipip}]");
    EXPECT_EQ(clamp(mixed, Family::ipv4), 9000 - 52 - 40);
    EXPECT_EQ(clamp(mixed, Family::ipv6), 9000 - 40 - 60);
}

TEST(Room, IsThatOfTheNarrowestOfWhatIsToldAndWhatIsFound) {
    Desired desired = both_with("receive: [{encap: ipip, family: ipv4, inner: ipv4}]");
    desired.link_mtu = 9000;
    EXPECT_EQ(rooms(desired).front().mtu, 9000 - 20);
    desired.config.mtu = 1500;
    EXPECT_EQ(rooms(desired).front().mtu, 1500 - 20);
    desired.link_mtu = 1400;
    EXPECT_EQ(rooms(desired).front().mtu, 1400 - 20);
}

TEST(Clamp, IsForANarrowPathWithoutATunnelToo) {
    EXPECT_EQ(clamp(both_with("receive: [{encap: l2}]\nmtu: 1400"), Family::ipv6), 1400 - 60);
    const Desired marked = both_with("receive: [{encap: l3dsr, dscp: 2, vip: 192.0.2.1}]\nmtu: 1400");
    EXPECT_EQ(clamp(marked, Family::ipv4), 1400 - 40);
    EXPECT_EQ(clamp(marked, Family::ipv6), std::nullopt);
}

TEST(Clamp, IsNotNeededWithoutTunnels) {
    EXPECT_EQ(clamp(both_with("receive: [{encap: l2}]"), Family::ipv4), std::nullopt);
    EXPECT_EQ(clamp(desired("balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: ipip}]"), Family::ipv6),
              std::nullopt);
}

TEST(Clamp, MayBeSaid) {
    EXPECT_EQ(clamp(both_with("receive: [{encap: ipip}]\nmss: 1300"), Family::ipv6), 1300);
    EXPECT_EQ(clamp(both_with("receive: [{encap: l2}]\nmss: 1300"), Family::ipv4), 1300);
    EXPECT_EQ(clamp(both_with("receive: [{encap: ipip}]\nmss: off"), Family::ipv4), std::nullopt);
}

}  // namespace
}  // namespace culvert::realserver
