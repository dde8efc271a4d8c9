// SPDX-License-Identifier: Apache-2.0
#include "realserver/desired/decide.hpp"

#include <gmock/gmock.h>

#include "realserver/plan/plan.hpp"
#include "tests/unit/realserver/address.hpp"
#include "tests/unit/realserver/simulated_host.hpp"

namespace culvert::realserver {
namespace {

using common::EncapKind;
using testing::ElementsAre;
using testing::IsEmpty;

const std::set<std::string> none_of_them{"fou", "fou6", "geneve", "ip6_gre", "ip6_tunnel", "ip_gre", "ipip", "sit"};

/// Packets to the balancers leave through eth0.
Surroundings without(std::set<std::string> modules) {
    return {.absent_modules = std::move(modules),
            .addresses = {ip("10.0.0.7"), ip("fd00::7"), ip("192.0.2.1")},
            .ways_in = {"eth0"}};
}

std::vector<std::string> devices(const Desired& desired) {
    std::vector<std::string> names;
    for (const Decap& decap : desired.decap) names.push_back(decap.device);
    return names;
}

TEST(Via, TheKernelsTunnelsAreUsedWhereTheyAre) {
    const Config read = config("balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: ipip}, {encap: gre}]");
    EXPECT_EQ(decide(read, without({})), (Desired{.config = read, .by_kernel = read.receive, .ways_in = {"eth0"}}));
    EXPECT_THAT(decide(read, without(none_of_them)).by_kernel, IsEmpty());
    EXPECT_EQ(decide(read, without(none_of_them)).by_xdp, read.receive);
    const Desired one = decide(read, without({"ip_gre"}));
    EXPECT_EQ(one.by_kernel, std::vector{read.receive.front()});
    ASSERT_EQ(one.decap.size(), 1U);
    EXPECT_EQ(describe(one.decap.front()), "xdp: gre");
}

TEST(Via, WhatTheConfigurationSaysIsDone) {
    const Config read = config(
        "balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: ipip, via: kernel}, {encap: gre, via: xdp}]");
    for (const auto& absent : {std::set<std::string>{}, none_of_them}) {
        const Desired decided = decide(read, without(absent));
        EXPECT_EQ(decided.by_kernel, std::vector{read.receive.front()});
        ASSERT_EQ(decided.decap.size(), 1U);
        EXPECT_EQ(describe(decided.decap.front()), "xdp: gre");
    }
}

TEST(Via, TheProgramIsAllThatTheConfigurationSays) {
    const Desired decided = decide(config(R"(
balancers: [10.0.0.1, "fd00::/64"]
vips: [192.0.2.1, 2001:db8::1]
receive:
  - {encap: ipip, family: ipv4}
  - {encap: gre, inner: ipv6}
  - {encap: gue, port: 5080, family: ipv6}
  - {encap: gue, port: 5080, family: ipv6, inner: gre}
  - {encap: fou, port: 5004, inner: ipv4, local: 10.0.0.7, peer: 10.0.0.1, peer_port: 7}
  - {encap: geneve, vni: 1, family: ipv4}
  - {encap: geneve, vni: 2, family: ipv4}
  - {encap: l2}
)"),
                                   without(none_of_them));
    EXPECT_EQ(decided.by_kernel, std::vector<Receive>{L2{}});
    const std::set both{Family::ipv4, Family::ipv6};
    EXPECT_EQ(
        decided.decap,
        (std::vector{Decap{
            .device = "eth0",
            .program =
                DecapProgram{.ipip = {{Family::ipv4, both}},
                             .gre = {{Family::ipv4, {Family::ipv6}}, {Family::ipv6, {Family::ipv6}}},
                             .ports = {{{5080, Family::ipv6},
                                        {.encap = EncapKind::gue, .inner = {Inner::ipv4, Inner::ipv6, Inner::gre}}},
                                       {{5004, Family::ipv4},
                                        {.encap = EncapKind::fou,
                                         .inner = {Inner::ipv4},
                                         .local = ip("10.0.0.7"),
                                         .peer = ip("10.0.0.1"),
                                         .peer_port = 7}},
                                       {{6081, Family::ipv4},
                                        {.encap = EncapKind::geneve,
                                         .inner = {Inner::ipv4, Inner::ipv6},
                                         .vnis = {1, 2}}}},
                             .balancers = {prefix("10.0.0.1"), prefix("fd00::/64")},
                             .vips = {prefix("192.0.2.1"), prefix("2001:db8::1")},
                             .own = {ip("10.0.0.7"), ip("fd00::7")}},
            .mode = {}}}));
}

TEST(Via, ProgramsAreWhereTheWayToTheBalancersLeads) {
    Config read = config("balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: ipip}]");
    Surroundings around = without(none_of_them);
    around.ways_in = {"far", "near"};
    EXPECT_THAT(devices(decide(read, around)), ElementsAre("far", "near"));
    read.interfaces = {"bond0", "bond1"};
    EXPECT_THAT(devices(decide(read, around)), ElementsAre("bond0", "bond1"));
}

TEST(Via, WithoutAWayThereIsNoPlan) {
    const Config read = config("balancers: ['fd00::1']\nvips: [192.0.2.1]\nreceive: [{encap: ipip, via: xdp}]");
    const Observed observed{SimulatedHost().state(), {}, {}};
    const Plan result = plan_of(read, observed, {});
    ASSERT_EQ(result.conflicts.size(), 1U);
    EXPECT_EQ(result.conflicts.front().message(),
              "choose a device for XDP: Network is unreachable: no route leads to a balancer (name it in the "
              "configuration: interfaces: [eth0])");
}

class DecapPlan : public testing::Test {
  protected:
    [[nodiscard]] std::vector<std::string> planned(const std::string& receive) const {
        const Config read =
            config("balancers: [10.0.0.1]\nvips: [192.0.2.1]\nsysctl: {rp_filter: leave, arp: leave}\nmss: off\n" +
                   ("receive: [" + receive + "]"));
        const Plan result = plan_of(read, observed, {});
        std::vector<std::string> text = lines(result.changes);
        for (const auto& conflict : result.conflicts) text.push_back("! " + conflict.message());
        return text;
    }
    /// As if it had been attached, in one of the modes.
    void attach(const std::string& receive, XdpMode mode) {
        const Config read = config("balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [" + receive + "]");
        Decap decap = decide(read, observed.around).decap.front();
        decap.mode = mode;
        observed.marked.insert(key(decap));
        put(observed.state, decap);
    }

    Observed observed{SimulatedHost().state(), {}, without(none_of_them)};
};

TEST_F(DecapPlan, TheProgramComesLast) {
    EXPECT_THAT(planned("{encap: ipip}"), ElementsAre("+ vip 192.0.2.1", "+ decap eth0: xdp: ipip"));
}

TEST_F(DecapPlan, EitherModeWillDo) {
    for (const XdpMode mode : {XdpMode::native, XdpMode::generic}) {
        attach("{encap: ipip}", mode);
        EXPECT_THAT(planned("{encap: ipip}"), ElementsAre("+ vip 192.0.2.1"));
    }
}

TEST_F(DecapPlan, AnotherProgramReplacesItInItsMode) {
    attach("{encap: ipip}", XdpMode::generic);
    EXPECT_THAT(planned("{encap: gue, port: 5080}"),
                ElementsAre("+ vip 192.0.2.1", "~ decap eth0: xdp generic: ipip -> xdp generic: gue 5080"));
}

TEST_F(DecapPlan, WhatIsNoLongerWantedIsDetached) {
    attach("{encap: ipip}", XdpMode::native);
    EXPECT_THAT(planned("{encap: l2}"), ElementsAre("- decap eth0: xdp native: ipip", "+ vip 192.0.2.1"));
}

TEST_F(DecapPlan, SomebodyElsesProgramStandsInTheWayAndStays) {
    put(observed.state,
        Decap{.device = "eth0", .program = {}, .mode = {}, .removal = "ip link set dev eth0 xdpdrv off"});
    EXPECT_THAT(planned("{encap: l2}"), ElementsAre("+ vip 192.0.2.1"));
    EXPECT_THAT(planned("{encap: ipip}"),
                ElementsAre("+ vip 192.0.2.1",
                            "! attach decap eth0: Device or resource busy: it has an XDP program, which realserver did "
                            "not attach (ip link set dev eth0 xdpdrv off, or via: kernel)"));
}

TEST_F(DecapPlan, AProgramThatCannotBeReadMayBeOursAndStays) {
    const netlink::Error unread{
        .operation = "read", .object = "PIN", .code = EACCES, .kernel = {}, .cure = "run as root"};
    put(observed.state, Decap{.device = "eth0", .program = {}, .mode = {}, .unread = unread});
    EXPECT_THAT(planned("{encap: l2}"), ElementsAre("+ vip 192.0.2.1"));
    EXPECT_THAT(planned("{encap: ipip}"),
                ElementsAre("+ vip 192.0.2.1",
                            "! attach decap eth0: it has an XDP program, and who attached it is not known: read PIN: "
                            "Permission denied (run as root)"));
}

}  // namespace
}  // namespace culvert::realserver
