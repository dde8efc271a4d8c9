// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "lbd/attach/plan.hpp"
#include "lbd/attach/refusal.hpp"

namespace culvert::lbd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto automatic = XdpMode::automatic;
constexpr auto native = XdpMode::native;
constexpr auto generic = XdpMode::generic;

const netlink::Error none{.operation = "attach native XDP to", .object = "br1", .code = EOPNOTSUPP};

Port port(const char* name, std::optional<XdpMode> ours = {}) {
    return {.ifindex = 2, .name = name, .ours = ours, .is_current = ours.has_value()};
}
Port lacking(Port port) {
    port.lacks = none;
    return port;
}
PortPlan planned(const char* name, XdpMode mode) { return {.ifindex = 2, .name = name, .mode = mode}; }
PortPlan done(const char* name, XdpMode mode) { return {.ifindex = 2, .name = name, .mode = mode, .is_done = true}; }
PortPlan leaving(const char* name, XdpMode mode) {
    return {.ifindex = 2, .name = name, .mode = mode, .leaves_mode = true};
}

TEST(AttachPlan, NativeWhereAllCan) {
    const PortsPlan plan = plan_ports({port("eth0"), port("eth1")}, automatic);
    EXPECT_THAT(plan.ports, ElementsAre(planned("eth0", native), planned("eth1", native)));
    EXPECT_EQ(plan.why, std::nullopt);
}

TEST(AttachPlan, GenericForAllWhereOneCanNot) {
    const PortsPlan plan = plan_ports({port("eth0"), lacking(port("br1"))}, automatic);
    EXPECT_THAT(plan.ports, ElementsAre(planned("eth0", generic), planned("br1", generic)));
    EXPECT_EQ(plan.why, none);
}

TEST(AttachPlan, OneThatComesLaterTakesTheOthersWithIt) {
    const PortsPlan plan = plan_ports({port("eth0", native), lacking(port("br1"))}, automatic);
    EXPECT_THAT(plan.ports, ElementsAre(leaving("eth0", generic), planned("br1", generic)));
}

TEST(AttachPlan, WhatRunsStaysAndOthersFollowIt) {
    EXPECT_THAT(plan_ports({port("eth0", generic), port("eth1")}, automatic).ports,
                ElementsAre(done("eth0", generic), planned("eth1", generic)));
    EXPECT_THAT(plan_ports({port("eth0", native), port("eth1", native)}, automatic).ports,
                ElementsAre(done("eth0", native), done("eth1", native)));
}

TEST(AttachPlan, NativeThatCanNotGoOnBecomesGeneric) {
    EXPECT_THAT(plan_ports({lacking(port("eth0", native))}, automatic).ports, ElementsAre(leaving("eth0", generic)));
}

TEST(AttachPlan, TheModeThatIsConfiguredIsTheOnlyOne) {
    EXPECT_THAT(plan_ports({port("eth0", generic)}, native).ports, ElementsAre(leaving("eth0", native)));
    EXPECT_THAT(plan_ports({port("eth0")}, generic).ports, ElementsAre(planned("eth0", generic)));
    EXPECT_THAT(plan_ports({lacking(port("br1"))}, generic).refused, IsEmpty());
    const PortsPlan refused = plan_ports({lacking(port("br1")), port("eth0")}, native);
    EXPECT_THAT(refused.ports, ElementsAre(planned("eth0", native)));
    EXPECT_THAT(refused.refused, ElementsAre(none));
}

TEST(AttachPlan, SomebodyElsesProgramIsLeftAndSaysNothingOfTheMode) {
    Port other = lacking(port("eth1"));
    other.taken = taken("eth1", "ip link set dev eth1 xdpgeneric off");
    const PortsPlan plan = plan_ports({port("eth0"), other}, automatic);
    EXPECT_THAT(plan.ports, ElementsAre(planned("eth0", native)));
    ASSERT_EQ(plan.refused.size(), 1U);
    EXPECT_EQ(plan.refused[0].message(),
              "attach XDP to eth1: Device or resource busy: another XDP program is attached (ip link set dev eth1 "
              "xdpgeneric off)");
}

TEST(AttachPlan, AnEarlierProgramIsExchanged) {
    Port former = port("eth0", native);
    former.is_current = false;
    EXPECT_THAT(plan_ports({former}, automatic).ports, ElementsAre(planned("eth0", native)));
}

Refusal refusal(int code, std::string text, std::uint32_t mtu = 9000) {
    Refusal result{
        .link = {}, .code = code, .kernel = std::move(text), .peer = {}, .channels = {}, .peer_channels = {}};
    result.link.name = "eth0";
    result.link.mtu = mtu;
    return result;
}

// Drivers' messages, and their cures.
TEST(Refusal, AnMtuThatFits) {
    EXPECT_EQ(cure_of(refusal(EINVAL, "MTU too large to enable XDP without frags")),
              "ip link set dev eth0 mtu 3506, or xdp: generic");
    EXPECT_EQ(cure_of(refusal(EINVAL, "XDP is not supported for mtu 9000.")),
              "ip link set dev eth0 mtu 1500, or xdp: generic");
    EXPECT_EQ(cure_of(refusal(EINVAL,
                              "Failed to set xdp program, the current MTU (9000) is larger than the maximum "
                              "allowed MTU (3498) while xdp is on")),
              "ip link set dev eth0 mtu 3498, or xdp: generic");
    EXPECT_EQ(cure_of(refusal(EINVAL, "XDP program device not compatible with current RX buffer size")),
              "ip link set dev eth0 mtu 1500, or xdp: generic");
    EXPECT_EQ(cure_of(refusal(ERANGE, "")), "ip link set dev eth0 mtu 1500, or xdp: generic") << "of an exchange";
}

TEST(Refusal, AVethsOtherEndHasTheMtu) {
    Refusal veth = refusal(ERANGE, "Peer MTU is too large to set XDP", 1500);
    veth.link.kind = "veth";
    EXPECT_EQ(cure_of(veth), "at the other end: an MTU of 3506 or less, or xdp: generic");
    veth.peer.emplace().name = "end";
    veth.peer->mtu = 9000;
    EXPECT_EQ(cure_of(veth), "ip link set dev end mtu 3506, or xdp: generic");
    veth.page_size = 65536;
    veth.peer->mtu = 65535;
    EXPECT_EQ(cure_of(veth), "ip link set dev end mtu 64946, or xdp: generic");
}

TEST(Refusal, MergingIsSwitchedOffWhereItCanBe) {
    SCOPED_TRACE("text of card_merges");
    EXPECT_EQ(cure_of(refusal(EINVAL, "can't set XDP while HW-GRO/LRO is on, disable them first")),
              "ethtool -K eth0 lro off rx-gro-hw off, or xdp: generic");
    SCOPED_TRACE("text of host_merges");
    EXPECT_THAT(cure_of(refusal(EOPNOTSUPP,
                                "Can't set XDP while host is implementing GRO_HW/CSUM, disable "
                                "GRO_HW/CSUM first")),
                HasSubstr("guest_tso4=off"));
}

TEST(Refusal, QueuesThatAreTooMany) {
    Refusal ena = refusal(EINVAL,
                          "Failed to set xdp program, the Rx/Tx channel count should be at most half of the "
                          "maximum allowed channel count",
                          1500);
    ena.channels = {.combined = 8, .most_combined = 8};
    SCOPED_TRACE("text of queues_shared");
    EXPECT_EQ(cure_of(ena), "ethtool -L eth0 combined 4, or xdp: generic");
    ena.channels = {.receive = 16, .transmit = 16, .most_receive = 16, .most_transmit = 16};
    SCOPED_TRACE("text of queues_shared_apart");
    EXPECT_EQ(cure_of(ena), "ethtool -L eth0 rx 8 tx 8, or xdp: generic");

    Refusal veth = refusal(ENOSPC, "XDP expects number of rx queues not less than peer tx queues", 1500);
    veth.link.kind = "veth";
    veth.peer.emplace().name = "end";
    veth.channels = {.receive = 1, .transmit = 1, .most_receive = 2, .most_transmit = 2};
    veth.peer_channels = {.receive = 1, .transmit = 2, .most_receive = 4, .most_transmit = 4};
    EXPECT_EQ(cure_of(veth), "ethtool -L eth0 rx 2, or xdp: generic");
    veth.peer_channels->transmit = 4;
    EXPECT_EQ(cure_of(veth), "ethtool -L end tx 1, or xdp: generic");
}

TEST(Refusal, WhatNothingHelpsAgainstIsGeneric) {
    EXPECT_EQ(cure_of(refusal(EOPNOTSUPP, "Underlying driver does not support XDP in native mode")), "xdp: generic");
    Refusal off = refusal(EPERM, "", 1500);
    off.mode = generic;
    EXPECT_EQ(cure_of(off), "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON");
}

TEST(Driver, WhatItLacks) {
    Driver driver{.link = {}, .features = {}, .peer = {}};
    driver.link.name = "eth0";
    EXPECT_EQ(native_lacks(driver, true), std::nullopt) << "unknown";
    driver.features.emplace();
    EXPECT_EQ(native_lacks(driver, true), std::nullopt) << "only the kernel knows";
    driver.features->native = true;
    EXPECT_EQ(native_lacks(driver, false), std::nullopt);
    EXPECT_THAT(native_lacks(driver, true)->kernel, HasSubstr("cannot redirect"));
    driver.features->redirects = true;
    EXPECT_EQ(native_lacks(driver, true), std::nullopt) << "it may transmit when it has a program";
    driver.runs = true;
    EXPECT_THAT(native_lacks(driver, true)->kernel, HasSubstr("does not transmit"));
    driver.features->transmits = true;
    EXPECT_EQ(native_lacks(driver, true), std::nullopt);

    driver.link.kind = "veth";
    driver.features->transmits = driver.runs = false;
    EXPECT_EQ(native_lacks(driver, false)->cure, "at the other end: gro on, or xdp: generic");
    driver.peer.emplace().name = "end";
    EXPECT_EQ(native_lacks(driver, false)->cure, "ethtool -K end gro on, or xdp: generic");
}

}  // namespace
}  // namespace culvert::lbd
