// SPDX-License-Identifier: Apache-2.0
//
// Plans for devices that realserver creates: Geneve's and explicit tunnels.
#include <gmock/gmock.h>

#include "realserver/plan/plan.hpp"
#include "realserver/receive/receivers.hpp"
#include "tests/unit/realserver/address.hpp"
#include "tests/unit/realserver/simulated_host.hpp"

namespace culvert::realserver {
namespace {

using netlink::Tunnel;
using netlink::TunnelKind;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view lb1_by_gre = R"(
vips: [192.0.2.1]
tunnels: [{name: lb1, type: gre, local: 10.0.0.2, remote: 10.0.0.1}]
sysctl: {arp: leave}
guard: off
mss: off
)";

Device gre_device(const std::string& name, std::string_view remote) {
    return {.name = name,
            .parameters = Tunnel{.kind = TunnelKind::gre, .local = ip("10.0.0.2"), .remote = ip(remote)},
            .mac = {}};
}

/// A host with everything in place for `lb1_by_gre` except the device itself.
class Devices : public testing::Test {
  protected:
    Devices() {
        host_.put(Module{"ip_gre"});
        host_.put(Vip{*Prefix::parse("192.0.2.1")});
    }

    void add_ours(const Device& device) {
        add(device);
        marked_.insert(key(device));
    }
    void add(const Device& device) {
        host_.device(device.name, true);
        host_.put(device);
    }

    [[nodiscard]] Plan plan_for(std::string_view yaml) const {
        return plan_of(config(yaml), {host_.state(), marked_}, {});
    }
    [[nodiscard]] std::vector<std::string> planned(std::string_view yaml) const {
        const Plan result = plan_for(yaml);
        for (const auto& conflict : result.conflicts) ADD_FAILURE() << conflict.message();
        return lines(result.changes);
    }
    [[nodiscard]] std::vector<std::string> conflicts(std::string_view yaml) const {
        std::vector<std::string> result;
        for (const auto& conflict : plan_for(yaml).conflicts) result.push_back(conflict.message());
        return result;
    }

    SimulatedHost host_;
    std::set<Key> marked_;
};

TEST_F(Devices, AreMadeThenPreparedThenOpened) {
    host_.sysctl("net.ipv4.conf.default.rp_filter", 1);
    EXPECT_THAT(planned(lb1_by_gre),
                ElementsAre("+ device lb1: gre, local 10.0.0.2, remote 10.0.0.1",
                            "~ sysctl net.ipv4.conf.lb1.rp_filter: 1 -> 0", "~ link lb1: down -> up"));
}

TEST_F(Devices, OneOfGeneveServesAllVnisOfAPort) {
    EXPECT_THAT(planned(R"(
balancers: [10.0.0.1, "fd00::1"]
vips: [192.0.2.1, "2001:db8::1"]
receive:
  - {encap: geneve, vni: 666}
  - {encap: geneve, vni: 667, family: ipv6}
  - {encap: geneve, vni: 666, port: 6082}
sysctl: {rp_filter: leave, arp: leave}
guard: off
mss: off
)"),
                ElementsAre("+ module geneve", "+ device geneve6081: geneve, port 6081, any vni, mac 02:43:55:4c:56:54",
                            "+ device geneve6082: geneve, port 6082, any vni, mac 02:43:55:4c:56:54",
                            "+ vip 2001:db8::1", "~ link geneve6081: down -> up", "~ link geneve6082: down -> up"));
}

TEST_F(Devices, AFixedSourcePortIsListenedOn) {
    EXPECT_THAT(
        planned(R"(
vips: [192.0.2.1]
tunnels:
  - {name: a, type: gretap, local: 10.0.0.2, remote: 10.0.0.1, key: 7, ttl: 9, encap: {type: fou, sport: 55555, dport: 33333}}
  - {name: b, type: ip6tnl, local: "fd00::2", remote: "fd00::1", encap: {type: gue, sport: 5080, dport: 5080}}
  - {name: c, type: sit, local: 10.0.0.2, remote: 10.0.0.1, encap: {type: gue, dport: 5081, csum: true}}
sysctl: {rp_filter: leave, arp: leave}
guard: off
mss: off
)"),
        ElementsAre("+ module fou", "+ module fou6", "+ module ip6_tunnel", "+ module sit",
                    "+ device a: gretap, local 10.0.0.2, remote 10.0.0.1, key 7, ttl 9, fou 55555 -> 33333",
                    "+ device b: ip6tnl, local fd00::2, remote fd00::1, mode any, gue 5080 -> 5080 with checksum",
                    "+ device c: sit, local 10.0.0.2, remote 10.0.0.1, gue auto -> 5081 with checksum",
                    "~ link a: down -> up", "~ link b: down -> up", "~ link c: down -> up",
                    "+ port 5080/udp over ipv6: gue", "+ port 55555/udp over ipv4: fou, inner gre"));
}

TEST_F(Devices, AsWantedAreUsedWhoeverMadeThem) {
    add(gre_device("lb1", "10.0.0.1"));
    EXPECT_THAT(planned(lb1_by_gre), IsEmpty());
    EXPECT_THAT(lines(plan_teardown({host_.state(), {}}, {}).changes), IsEmpty());
}

TEST_F(Devices, OfOursAreChangedInPlaceWhereTheKernelCan) {
    add_ours(gre_device("lb1", "10.0.0.9"));
    EXPECT_THAT(planned(lb1_by_gre), ElementsAre("~ device lb1: gre, local 10.0.0.2, remote 10.0.0.9 -> gre, local "
                                                 "10.0.0.2, remote 10.0.0.1"));
}

TEST_F(Devices, OfOursAreMadeAnewWhereItCannot) {
    Device device = gre_device("lb1", "10.0.0.1");
    std::get<Tunnel>(device.parameters).kind = TunnelKind::gretap;
    add_ours(device);
    EXPECT_THAT(planned(lb1_by_gre),
                ElementsAre("~ link lb1: up -> down", "- device lb1: gretap, local 10.0.0.2, remote 10.0.0.1",
                            "+ device lb1: gre, local 10.0.0.2, remote 10.0.0.1", "~ link lb1: down -> up"));
}

TEST_F(Devices, ThatSwapTheirEndsAreMadeAnew) {
    add_ours(gre_device("lb1", "10.0.0.9"));
    add_ours(gre_device("lb9", "10.0.0.1"));
    EXPECT_THAT(planned(R"(
vips: [192.0.2.1]
tunnels:
  - {name: lb1, type: gre, local: 10.0.0.2, remote: 10.0.0.1}
  - {name: lb9, type: gre, local: 10.0.0.2, remote: 10.0.0.9}
sysctl: {arp: leave}
guard: off
mss: off
)"),
                ElementsAre("~ link lb1: up -> down", "~ link lb9: up -> down", testing::HasSubstr("- device lb1"),
                            testing::HasSubstr("- device lb9"), testing::HasSubstr("+ device lb1"),
                            testing::HasSubstr("+ device lb9"), "~ link lb1: down -> up", "~ link lb9: down -> up"));
}

TEST_F(Devices, OfOthersAreConflicts) {
    add(gre_device("lb1", "10.0.0.9"));
    EXPECT_THAT(
        conflicts(lb1_by_gre),
        ElementsAre("create device lb1: File exists: the kernel has a device of this name (gre, local 10.0.0.2, "
                    "remote 10.0.0.9), which realserver did not make (ip link del lb1, or choose another name)"));
}

TEST_F(Devices, OfOthersThatAreNoTunnelsAreConflicts) {
    host_.device("lb1", true);
    EXPECT_THAT(conflicts(lb1_by_gre), ElementsAre(testing::HasSubstr("a device of this name (no tunnel)")));
}

TEST_F(Devices, OfOthersThatReceiveTheSameAreConflicts) {
    add(gre_device("theirs", "10.0.0.1"));
    EXPECT_THAT(conflicts(lb1_by_gre),
                ElementsAre("create device lb1: File exists: the device theirs (gre, local 10.0.0.2, remote 10.0.0.1), "
                            "which realserver did not make, receives the same packets (ip link del theirs)"));
}

TEST_F(Devices, OfOursAreKnownByTheirMarkAndGoWithTheirSettings) {
    add_ours(gre_device("lb1", "10.0.0.1"));
    add(gre_device("theirs", "10.0.0.9"));
    host_.sysctl("net.ipv4.conf.lb1.rp_filter", 2);
    EXPECT_THAT(lines(plan_teardown({host_.state(), marked_}, {}).changes),
                ElementsAre("~ link lb1: up -> down", "~ sysctl net.ipv4.conf.lb1.rp_filter: 2 -> 0",
                            "- device lb1: gre, local 10.0.0.2, remote 10.0.0.1"));
}

TEST(Receivers, NameEveryDeviceAndWhatComesOutOfIt) {
    const Config wanted = config(R"(
balancers: [10.0.0.1]
vips: [192.0.2.1, "2001:db8::1"]
receive: [{encap: geneve, vni: 666}, {encap: gre, inner: ipv4}]
tunnels:
  - {name: a, type: ipip, local: 10.0.0.2, remote: 10.0.0.1}
  - {name: b, type: ip6gretap, local: "fd00::2", remote: "fd00::1"}
)");
    const std::set<Family> both{Family::ipv4, Family::ipv6};
    EXPECT_EQ(Receivers(wanted).devices(),
              (Receivers::Devices{{"a", {Family::ipv4}}, {"b", both}, {"geneve6081", both}, {"gre0", {Family::ipv4}}}));
}

}  // namespace
}  // namespace culvert::realserver
