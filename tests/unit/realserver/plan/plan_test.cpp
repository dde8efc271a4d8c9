// SPDX-License-Identifier: Apache-2.0
#include "realserver/plan/plan.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <netinet/in.h>

#include <algorithm>

#include "realserver/guard/ruleset.hpp"
#include "tests/unit/realserver/simulated_host.hpp"

namespace culvert::realserver {
namespace {

using netlink::TunnelInner;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> planned(const SimulatedHost& host, std::string_view yaml, const Record& record = {}) {
    const Plan result = plan_of(config(yaml), {host.state(), {}}, record);
    for (const auto& conflict : result.conflicts) ADD_FAILURE() << conflict.message();
    return lines(result.changes);
}

/// A host that needs only the changes of the encapsulation.
constexpr std::string_view no_sysctls = "\nsysctl: {rp_filter: leave, arp: leave}\nguard: off\nmss: off\n";

std::vector<std::string> planned_without_sysctls(std::string_view yaml) {
    return planned(SimulatedHost(), std::string(yaml) + std::string(no_sysctls));
}

TEST(Plan, AnEmptyHostGetsEverythingInAnOrderInWhichTheWayInOpensLast) {
    EXPECT_THAT(planned(SimulatedHost(), R"(
balancers: [10.0.0.1]
vips: [192.0.2.1, 198.51.100.0/28]
receive:
  - {encap: fou, port: 5004}
  - {encap: l3dsr, dscp: 2, vip: 192.0.2.1}
)"),
                ElementsAre("+ module fou", "+ module ipip",  //
                            "~ sysctl net.ipv4.conf.all.arp_announce: 0 -> 2",
                            "~ sysctl net.ipv4.conf.all.arp_ignore: 0 -> 1",  //
                            "+ vip 192.0.2.1", "+ vip 198.51.100.0/28",       //
                            "+ table inet culvert: guard strict, dscp 2 -> 192.0.2.1, mss 1432 over ipv4",
                            "~ link tunl0: down -> up",  //
                            "+ port 5004/udp over ipv4: fou, inner ipv4"));
}

TEST(Plan, DevicesFollowFromTheFamiliesOfBalancersAndVips) {
    struct Case {
        std::string_view yaml;
        std::vector<std::string> links;
    };
    const std::vector<Case> cases{
        {"balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: ipip}]", {"tunl0"}},
        {"balancers: [10.0.0.1]\nvips: ['2001:db8::1']\nreceive: [{encap: ipip}]", {"sit0"}},
        {"balancers: [10.0.0.1]\nvips: [192.0.2.1, '2001:db8::1']\nreceive: [{encap: ipip}]", {"sit0", "tunl0"}},
        {"balancers: ['fd00::1']\nvips: [192.0.2.1]\nreceive: [{encap: ipip}]", {"ip6tnl0"}},
        {"balancers: ['fd00::1']\nvips: ['2001:db8::1']\nreceive: [{encap: ipip}]", {"ip6tnl0"}},
        {"balancers: ['fd00::/64']\nvips: [192.0.2.1, '2001:db8::1']\nreceive: [{encap: ipip, inner: ipv6}]",
         {"ip6tnl0"}},
        {"balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: gre}]", {"gre0"}},
        {"balancers: ['fd00::1']\nvips: [192.0.2.1]\nreceive: [{encap: gre}]", {"ip6gre0"}},
        {"balancers: [10.0.0.1, 'fd00::1']\nvips: [192.0.2.1]\nreceive: [{encap: gre}]", {"gre0", "ip6gre0"}},
        {"balancers: [10.0.0.1, 'fd00::1']\nvips: [192.0.2.1]\nreceive: [{encap: gre, family: ipv4}]", {"gre0"}},
        {"vips: [192.0.2.1]\nreceive: [{encap: ipip, family: ipv4}]\nguard: off", {"tunl0"}},
        {"balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: fou, port: 1}]", {"tunl0"}},
        {"balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: fou, port: 1, inner: gre}]", {"gre0"}},
        {"balancers: ['fd00::1']\nvips: ['2001:db8::1']\nreceive: [{encap: fou, port: 1, inner: gre}]", {"ip6gre0"}},
        {"balancers: [10.0.0.1]\nvips: [192.0.2.1, '2001:db8::1']\nreceive: [{encap: gue, port: 1}]",
         {"sit0", "tunl0"}},
        {"balancers: ['fd00::1']\nvips: [192.0.2.1, '2001:db8::1']\nreceive: [{encap: gue, port: 1}]", {"ip6tnl0"}},
        {"balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: gue, port: 1}, {encap: gue, port: 1, inner: "
         "gre}]",
         {"gre0", "tunl0"}},
        {"vips: [192.0.2.1]\nreceive: [{encap: l3dsr, dscp: 2, vip: 192.0.2.1}]", {}},
        {"vips: [192.0.2.1]\nreceive: [{encap: l2}]", {}},
    };
    for (const Case& one : cases) {
        std::vector<std::string> links;
        for (const auto& change : plan_of(config(one.yaml), {SimulatedHost().state(), {}}, {}).changes)
            if (change.key().kind == Kind::link) links.push_back(change.key().name);
        EXPECT_EQ(links, one.links) << one.yaml;
    }
}

TEST(Plan, Ip6tnl0IsOpenedForWhatIsToComeOutOfIt) {
    EXPECT_THAT(planned_without_sysctls("balancers: ['fd00::1']\nvips: ['2001:db8::1']\nreceive: [{encap: ipip}]"),
                ElementsAre("+ module ip6_tunnel", "+ vip 2001:db8::1", "~ link ip6tnl0: down -> up"));
    EXPECT_THAT(planned_without_sysctls("balancers: ['fd00::1']\nvips: [192.0.2.1]\nreceive: [{encap: ipip}]"),
                ElementsAre("+ module ip6_tunnel", "+ vip 192.0.2.1", "~ mode ip6tnl0: ip6ip6 -> any",
                            "~ link ip6tnl0: down -> up"));
}

TEST(Plan, PortsAreOpenedForEachOuterFamily) {
    EXPECT_THAT(
        planned_without_sysctls(R"(
balancers: [10.0.0.1, 'fd00::1']
vips: [192.0.2.1]
receive:
  - {encap: gue, port: 5080}
  - {encap: fou, port: 5047, inner: gre, family: ipv6}
  - {encap: fou, port: 5004, local: 10.0.0.7, peer: 10.0.0.1, peer_port: 7, dev: eth0}
)"),
        ElementsAre("+ module fou", "+ module ip6_gre", "+ module ip6_tunnel", "+ module ipip", "+ vip 192.0.2.1",
                    "~ mode ip6tnl0: ip6ip6 -> any", "~ link ip6gre0: down -> up", "~ link ip6tnl0: down -> up",
                    "~ link tunl0: down -> up",
                    "+ port 5004/udp over ipv4: fou, inner ipv4, local 10.0.0.7, peer 10.0.0.1 port 7, dev eth0",
                    "+ port 5047/udp over ipv6: fou, inner gre", "+ port 5080/udp over ipv4: gue",
                    "+ port 5080/udp over ipv6: gue"));
}

TEST(Plan, LoweringAllRaisesTheOtherDevicesFirst) {
    SimulatedHost host;
    host.device("eth1", true);
    host.device("tunl0", false);
    host.put(Module{"ipip"});
    host.sysctl("net.ipv4.conf.all.rp_filter", 1);
    host.sysctl("net.ipv4.conf.eth1.rp_filter", 2);
    host.sysctl("net.ipv4.conf.tunl0.rp_filter", 2);
    EXPECT_THAT(
        planned(host, R"(
balancers: [10.0.0.1]
vips: [192.0.2.1]
receive: [{encap: ipip}]
sysctl: {arp: leave}
guard: off
mss: off
)"),
        ElementsAre("~ sysctl net.ipv4.conf.default.rp_filter: 0 -> 1", "~ sysctl net.ipv4.conf.eth0.rp_filter: 0 -> 1",
                    "~ sysctl net.ipv4.conf.lo.rp_filter: 0 -> 1",  //
                    "~ sysctl net.ipv4.conf.all.rp_filter: 1 -> 0",
                    "~ sysctl net.ipv4.conf.tunl0.rp_filter: 2 -> 0",  //
                    "+ vip 192.0.2.1", "~ link tunl0: down -> up"));
}

TEST(Plan, ADeviceThatWouldFollowDefaultIsSetAnew) {
    SimulatedHost host;
    host.device("tunl0", true);
    host.put(Module{"ipip"});
    host.put(Vip{*Prefix::parse("192.0.2.1")});
    host.sysctl("net.ipv4.conf.all.rp_filter", 2);
    EXPECT_THAT(
        planned(host, R"(
balancers: [10.0.0.1]
vips: [192.0.2.1]
receive: [{encap: ipip}]
sysctl: {arp: leave}
guard: off
mss: off
)"),
        ElementsAre("~ sysctl net.ipv4.conf.default.rp_filter: 0 -> 2", "~ sysctl net.ipv4.conf.eth0.rp_filter: 0 -> 2",
                    "~ sysctl net.ipv4.conf.lo.rp_filter: 0 -> 2",  //
                    "~ sysctl net.ipv4.conf.all.rp_filter: 2 -> 0",
                    "~ sysctl net.ipv4.conf.tunl0.rp_filter: 0, set again"));
}

TEST(Plan, RpFilterStaysAloneWhereNoIPv4ComesOutOfATunnel) {
    SimulatedHost host;
    host.sysctl("net.ipv4.conf.all.rp_filter", 2);
    EXPECT_THAT(planned(host,
                        "balancers: [10.0.0.1]\nvips: ['2001:db8::1']\nreceive: [{encap: ipip}]\n"
                        "guard: off\nmss: off"),
                ElementsAre("+ module sit", "+ vip 2001:db8::1", "~ link sit0: down -> up"));
}

TEST(Plan, StricterArpSettingsStay) {
    SimulatedHost host;
    host.sysctl("net.ipv4.conf.all.arp_ignore", 8);
    EXPECT_THAT(planned(host, "vips: [192.0.2.1]\nreceive: [{encap: l2}]"),
                ElementsAre("~ sysctl net.ipv4.conf.all.arp_announce: 0 -> 2", "+ vip 192.0.2.1"));
}

TEST(Plan, LoIsBroughtUpFirst) {
    SimulatedHost host;
    host.put(Link{"lo", false});
    EXPECT_THAT(planned(host, "vips: [192.0.2.1]\nreceive: [{encap: l2}]\nsysctl: {arp: leave}"),
                ElementsAre("~ link lo: down -> up", "+ vip 192.0.2.1"));
}

TEST(Plan, WhatIsThereIsUsed) {
    SimulatedHost host;
    for (const char* module : {"ipip", "fou"}) host.put(Module{module});
    host.device("tunl0", true);
    host.put(Vip{*Prefix::parse("192.0.2.1")});
    host.put(Port{{.family = Family::ipv4, .port = 5004, .protocol = IPPROTO_IPIP}, ""});
    host.sysctl("net.ipv4.conf.all.arp_ignore", 1);
    host.sysctl("net.ipv4.conf.all.arp_announce", 2);
    const std::string_view yaml = "balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: fou, port: 5004}]";
    host.put(Ruleset{ruleset(desired(yaml)).value()});
    EXPECT_THAT(planned(host, yaml), IsEmpty());
    EXPECT_THAT(lines(plan_teardown({host.state(), {}}, {}).changes), IsEmpty());
}

TEST(Plan, ATakenPortIsAConflictThatNamesTheHolderAndTheCure) {
    SimulatedHost host;
    host.put(Port{{.family = Family::ipv6, .port = 5004, .type = netlink::FouType::gue}, ""});
    const Plan result =
        plan_of(config("balancers: ['fd00::1']\nvips: [192.0.2.1]\nreceive: [{encap: fou, port: 5004}]"),
                {host.state(), {}}, {});
    ASSERT_EQ(result.conflicts.size(), 1U);
    EXPECT_EQ(result.conflicts.front().message(),
              "add port 5004/udp over ipv6: Address already in use: the kernel has it as \"gue\", which realserver did "
              "not make; wanted is \"fou, inner ipv4\" (ip -6 fou del port 5004, or choose another port)");
}

TEST(Plan, AMissingFallbackDeviceIsAConflict) {
    SimulatedHost host;
    host.put(Module{"ipip"});
    const Plan result =
        plan_of(config("balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: ipip}]"), {host.state(), {}}, {});
    ASSERT_EQ(result.conflicts.size(), 1U);
    EXPECT_EQ(result.conflicts.front().message(),
              "bring up tunl0: No such device: its module is loaded, but this network namespace was made without "
              "fallback devices (sysctl -w net.core.fb_tunnels_only_for_init_net=0, then recreate the namespace)");
}

TEST(Plan, AKernelWithoutNftablesIsAConflictUnlessNoTableIsWanted) {
    constexpr std::string_view tunnel = "balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: ipip}]\n";
    const SimulatedHost host;
    const Observed observed{host.state(), {}, {.absent_modules = {"nf_tables"}, .addresses = {}}};
    const Plan result = plan_of(config(tunnel), observed, {});
    ASSERT_EQ(result.conflicts.size(), 1U);
    EXPECT_EQ(result.conflicts.front().message(),
              "add table inet culvert: Protocol not supported: this kernel has no nf_tables (modprobe nf_tables, or "
              "write guard: off and mss: off, without l3dsr)");
    EXPECT_THAT(plan_of(config(fmt::format("{}guard: off\nmss: off\n", tunnel)), observed, {}).conflicts, IsEmpty());
}

TEST(Plan, APortOfOursIsReplaced) {
    SimulatedHost host;
    for (const char* module : {"ipip", "fou", "ip_gre"}) host.put(Module{module});
    for (const char* device : {"tunl0", "gre0"}) host.device(device, true);
    host.put(Vip{*Prefix::parse("192.0.2.1")});
    const Port ours{{.family = Family::ipv4, .port = 5004, .protocol = IPPROTO_IPIP}, ""};
    host.put(ours);
    EXPECT_THAT(planned(host,
                        "balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: fou, port: 5004, inner: gre}]\n"
                        "sysctl: {arp: leave}\nguard: off\nmss: off",
                        {{key(ours), {std::nullopt, {ours}}}}),
                ElementsAre("- port 5004/udp over ipv4: fou, inner ipv4", "+ port 5004/udp over ipv4: fou, inner gre"));
}

// A guard that comes after what it guards, or is removed before it, leaves a gap.
TEST(Plan, TheGuardGoesUpBeforeAnyWayInOpensAndDownAfterAllAreClosed) {
    const SimulatedHost empty;
    const std::string_view yaml =
        "balancers: [10.0.0.1, 'fd00::1']\nvips: [192.0.2.1]\nreceive: [{encap: gue, port: 5080}, {encap: gre}]";
    const auto is_way_in = [](const Change& change) {
        const Kind kind = change.key().kind;
        return kind == Kind::port || kind == Kind::mode || (kind == Kind::link && change.key().name != "lo");
    };
    const auto is_table = [](const Change& change) { return change.key().kind == Kind::table; };
    const auto up = plan_of(config(yaml), {empty.state(), {}}, {}).changes;
    EXPECT_EQ(std::ranges::count_if(up, is_way_in), 7);
    EXPECT_LT(std::ranges::find_if(up, is_table), std::ranges::find_if(up, is_way_in));

    SimulatedHost host;
    for (const Change& change : up) ASSERT_TRUE(host.perform(change));
    auto down = plan_teardown(*host.observe({}), intend({}, up)).changes;
    EXPECT_EQ(std::ranges::count_if(down, is_way_in), 7);
    std::ranges::reverse(down);
    EXPECT_LT(std::ranges::find_if(down, is_table), std::ranges::find_if(down, is_way_in));
}

TEST(Plan, TeardownGoesBackwardsAndTouchesNothingElse) {
    SimulatedHost host;
    host.device("tunl0", true);
    host.sysctl("net.ipv4.conf.all.arp_ignore", 1);
    const Vip ours{*Prefix::parse("192.0.2.1")};
    const Vip theirs{*Prefix::parse("192.0.2.9")};
    const Port port{{.family = Family::ipv4, .port = 5080, .type = netlink::FouType::gue}, ""};
    const Sysctl arp{netlink::SysctlKey::arp_ignore("all"), 1};
    for (const Item& item : {Item(ours), Item(theirs), Item(port)}) host.put(item);
    const Record record{
        {key(port), {std::nullopt, {port}}},
        {key(Link{"tunl0"}), {Link{"tunl0", false}, {Link{"tunl0", true}}}},
        {key(arp), {Sysctl{arp.key, 0}, {arp}}},
    };
    EXPECT_THAT(lines(plan_teardown({host.state(), {key(ours)}}, record).changes),
                ElementsAre("- port 5080/udp over ipv4: gue", "~ link tunl0: up -> down", "- vip 192.0.2.1",
                            "~ sysctl net.ipv4.conf.all.arp_ignore: 1 -> 0"));
}

TEST(Plan, WhatSomebodyElseHasSetSinceIsLeft) {
    SimulatedHost host;
    host.sysctl("net.ipv4.conf.all.arp_ignore", 2);
    const Sysctl arp{netlink::SysctlKey::arp_ignore("all"), 1};
    const Plan result = plan_teardown({host.state(), {}}, {{key(arp), {Sysctl{arp.key, 0}, {arp}}}});
    EXPECT_THAT(result.changes, IsEmpty());
    EXPECT_THAT(result.left, ElementsAre("sysctl net.ipv4.conf.all.arp_ignore is 2, not 1 as apply left it"));
}

}  // namespace
}  // namespace culvert::realserver
