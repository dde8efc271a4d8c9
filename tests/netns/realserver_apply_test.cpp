// SPDX-License-Identifier: Apache-2.0
//
// The changes that realserver makes to a host, and undoes.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/netns/realserver_test.hpp"

namespace culvert::netns {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

INSTANTIATE_TEST_SUITE_P(Configuration, RealserverWith, testing::Values(everything, without_modules),
                         [](const auto& which) { return which.param.name; });

TEST_P(RealserverWith, AppliedTwiceTouchesNothing) {
    EXPECT_EQ(realserver("plan").status, 3);
    ASSERT_EQ(realserver("apply").status, 0);
    // A worker of the kernel deals with new IPv6 addresses.
    EXPECT_TRUE(eventually([&] { return host().must("ip -6 addr show tentative").empty(); }));
    Monitor monitor(host());
    const Output again = realserver("apply");
    EXPECT_EQ(again.status, 0);
    EXPECT_EQ(again.out, "nothing to change\n");
    EXPECT_EQ(again.err, "");
    EXPECT_EQ(realserver("plan").status, 0);
    EXPECT_EQ(realserver("status").status, 0);
    EXPECT_EQ(monitor.events(), "");
}

TEST_P(RealserverWith, TornDownWhatWasBeforeTheFirstApplyIsBack) {
    const std::string before = snapshot(host());
    ASSERT_EQ(realserver("apply").status, 0);
    for (const char* others : {"sysctl -qw net.ipv4.conf.all.arp_ignore=3", "ip link set lo down",
                               "ip addr flush dev lo scope global", "sysctl -qw net.ipv4.conf.all.arp_announce=1"}) {
        host().must(others);
        ASSERT_EQ(realserver("apply").status, 0) << others;
    }
    const Output torn_down = realserver("teardown");
    EXPECT_EQ(torn_down.status, 0) << torn_down;
    EXPECT_EQ(snapshot(host()), before);
}

TEST_P(RealserverWith, TornDownTheHostIsAsItWas) {
    const std::string before = snapshot(host());
    const Output planned = realserver("plan");
    EXPECT_EQ(snapshot(host()), before);

    const Output applied = realserver("apply");
    ASSERT_EQ(applied.status, 0) << applied;
    EXPECT_EQ(applied.out, planned.out);
    EXPECT_NE(snapshot(host()), before);

    const Output torn_down = realserver("teardown");
    EXPECT_EQ(torn_down.status, 0) << torn_down;
    EXPECT_EQ(torn_down.err, "");
    EXPECT_EQ(snapshot(host()), before);
    EXPECT_EQ(host().must("find /run/culvert -type f"), "");
    EXPECT_EQ(realserver("teardown").out, "nothing to remove\n");
}

TEST_P(RealserverWith, WhatWasThereIsUsedAndStays) {
    host().ip(
        "addr add 192.0.2.1/32 dev lo\naddr add 2001:db8::1/128 dev lo\n"
        "route add local 198.51.100.0/28 dev lo\n");
    host().set_sysctl("net.ipv4.conf.all.arp_ignore", "2");
    host().set_sysctl("net.ipv4.conf.all.rp_filter", "2");
    if (GetParam() == everything) {
        host().ip("link set tunl0 up\nfou add port 5080 gue\n");
        host().must("ip -6 fou add port 5006 ipproto 41");
    }
    const std::string before = snapshot(host());
    ASSERT_EQ(realserver("apply").status, 0);
    EXPECT_EQ(host().sysctl("net.ipv4.conf.all.arp_ignore"), "2");
    ASSERT_EQ(realserver("teardown").status, 0);
    EXPECT_EQ(snapshot(host()), before);
}

TEST_P(RealserverWith, WhatWasThereIsLeftThereAlthoughItWasLostInBetween) {
    const std::vector<std::string> lost{"ip addr del 192.0.2.1/32 dev lo", "ip addr del 2001:db8::1/128 dev lo",
                                        "ip route del local 198.51.100.0/28 dev lo table local",
                                        "ip -6 route del local 2001:db8:1::/64 dev lo table local",
                                        "sysctl -qw net.ipv4.conf.all.arp_ignore=0"};
    host().ip(
        "addr add 192.0.2.1/32 dev lo scope link label lo:web\n"
        "addr add 2001:db8::1/128 dev lo noprefixroute preferred_lft 0\n"
        "route add local 198.51.100.0/28 dev lo proto 77\nroute add local 2001:db8:1::/64 dev lo table local\n");
    const auto vips = [this] {
        return host()
            .run({"sh", "-c",
                  "{ ip -o addr show dev lo; ip route show table local; ip -6 route show table local; } |"
                  " grep -E '192.0.2.1|2001:db8:|198.51.100.0' | sort"})
            .out;
    };
    const std::string by_hand = vips();
    EXPECT_THAT(by_hand, AllOf(HasSubstr("192.0.2.1/32 scope link lo:web"), HasSubstr("deprecated"),
                               HasSubstr("local 198.51.100.0/28"), HasSubstr("local 2001:db8:1::/64")));
    host().set_sysctl("net.ipv4.conf.all.arp_ignore", "1");
    const bool with_port = GetParam() == everything;
    if (with_port) host().ip("fou add port 5080 gue\n");
    ASSERT_EQ(realserver("apply").status, 0);
    for (const std::string& command : lost) host().must(command);
    if (with_port) host().ip("fou del port 5080\n");
    ASSERT_EQ(realserver("apply").status, 0);
    for (const char* expected : {"", "nothing to remove\n"}) {
        const Output torn_down = realserver("teardown");
        EXPECT_EQ(torn_down.status, 0) << torn_down;
        EXPECT_THAT(torn_down.out, HasSubstr(expected));
        EXPECT_EQ(host().sysctl("net.ipv4.conf.all.arp_ignore"), "1");
        EXPECT_EQ(host().run("ip fou show").out.find("5080") != std::string::npos, with_port);
        EXPECT_EQ(vips(), by_hand);
    }
}

TEST_P(RealserverWith, StatusTellsWhatIsMissing) {
    ASSERT_EQ(realserver("apply").status, 0);
    EXPECT_EQ(json::parse(realserver("status -j").out).at("in_order"), true);
    host().ip("addr del 192.0.2.1/32 dev lo\n");
    const json status = json::parse(realserver("status -j").out);
    EXPECT_EQ(status.at("in_order"), false);
    for (const json& item : status.at("items"))
        EXPECT_EQ(item.at("state"), item.at("name") == "192.0.2.1" ? "missing" : "ok") << item;
}

TEST_P(RealserverWith, RepairsWhatHasDrifted) {
    const std::string before = snapshot(host());
    ASSERT_EQ(realserver("apply").status, 0);
    const std::string applied = snapshot(host());
    host().ip("addr del 192.0.2.1/32 dev lo\nroute del local 198.51.100.0/28 dev lo table local\n");
    host().must("nft flush table inet culvert");
    host().set_sysctl("net.ipv4.conf.all.arp_ignore", "0");
    if (GetParam() == everything)
        host().ip("link set gre0 down\nfou del port 5080\nlink del geneve6081\nlink set lb1 type gretap ttl 9\n");
    EXPECT_EQ(realserver("apply").status, 0);
    EXPECT_EQ(realserver("plan").status, 0);
    // With modules it differs: a device that is set up again gets new IPv6 addresses.
    if (GetParam() == without_modules) {
        EXPECT_EQ(snapshot(host()), applied);
    }
    ASSERT_EQ(realserver("teardown").status, 0);
    EXPECT_EQ(snapshot(host()), before);
}

class RealserverWithModules : public Realserver {
  protected:
    void SetUp() override {
        Realserver::SetUp();
        if (IsSkipped()) return;
        for (const char* module : modules) REQUIRE_MODULE(module);
        build();
        configure(everything.yaml);
    }
};

TEST_F(RealserverWithModules, OtherDevicesKeepTheirProtection) {
    ASSERT_EQ(host().sysctl("net.ipv4.conf.all.rp_filter"), "1");
    host().set_sysctl("net.ipv4.conf.default.rp_filter", "0");
    host().set_sysctl("net.ipv4.conf.eth0.rp_filter", "0");
    ASSERT_EQ(realserver("apply").status, 0);
    EXPECT_EQ(host().sysctl("net.ipv4.conf.all.rp_filter"), "0");
    EXPECT_EQ(host().sysctl("net.ipv4.conf.tunl0.rp_filter"), "0");
    EXPECT_EQ(host().sysctl("net.ipv4.conf.eth0.rp_filter"), "1");
    EXPECT_EQ(host().sysctl("net.ipv4.conf.sit0.rp_filter"), "1");
    host().ip("link add later type veth\n");
    EXPECT_EQ(host().sysctl("net.ipv4.conf.later.rp_filter"), "1");
}

TEST_F(RealserverWithModules, AFailureIsRolledBack) {
    // Ports are last: when this one fails, everything else is in place.
    const Process holder = host().spawn(
        "python3 -c 'import socket, time; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); "
        "s.bind((\"::\", 5080)); print(\"bound\", flush=True); time.sleep(600)'");
    holder.wait_for("bound");
    const std::string before = snapshot(host());
    const Output output = realserver("apply");
    EXPECT_EQ(output.status, 1);
    EXPECT_EQ(output.out, "");
    EXPECT_THAT(output.err, AllOf(HasSubstr("add fou port 5080/udp gue ipv"), HasSubstr("Address already in use"),
                                  HasSubstr("rolled back the "), HasSubstr(" changes made before")));
    EXPECT_EQ(snapshot(host()), before);
    EXPECT_EQ(host().must("find /run/culvert -type f"), "");
}

TEST_F(RealserverWithModules, APortOfOthersIsAConflict) {
    host().ip("fou add port 5080 ipproto 4\n");
    const std::string before = snapshot(host());
    const Output output = realserver("apply");
    EXPECT_EQ(output.status, 1);
    EXPECT_EQ(
        output.err,
        "realserver: add port 5080/udp over ipv4: Address already in use: the kernel has it as \"fou, inner "
        "ipv4\", which realserver did not make; wanted is \"gue\" (ip fou del port 5080, or choose another port)\n"
        "realserver: nothing was changed\n");
    EXPECT_EQ(snapshot(host()), before);
}

TEST_F(RealserverWithModules, DevicesOfOthersAreConflicts) {
    host().ip("link add lb1 type veth\nlink add theirs type geneve external\n");
    const std::string before = snapshot(host());
    const Output output = realserver("apply");
    EXPECT_EQ(output.status, 1);
    EXPECT_EQ(output.err,
              "realserver: create device lb1: File exists: the kernel has a device of this name (no tunnel), which "
              "realserver did not make (ip link del lb1, or choose another name)\n"
              "realserver: create device geneve6081: File exists: the device theirs (geneve, port 6081, any vni, mac " +
                  host().read("/sys/class/net/theirs/address").substr(0, 17) +
                  "), which realserver did not make, receives the same packets (ip link del theirs)\n"
                  "realserver: nothing was changed\n");
    EXPECT_EQ(snapshot(host()), before);
}

TEST_F(RealserverWithModules, AChangedConfigurationTakesAwayWhatItNoLongerWants) {
    const std::string before = snapshot(host());
    ASSERT_EQ(realserver("apply").status, 0);
    configure(without_modules.yaml);
    ASSERT_EQ(realserver("apply").status, 0);
    EXPECT_EQ(realserver("plan").status, 0);
    EXPECT_EQ(host().must("ip fou show"), "");
    EXPECT_EQ(host().sysctl("net.ipv4.conf.all.rp_filter"), "1");
    ASSERT_EQ(realserver("teardown").status, 0);
    EXPECT_EQ(snapshot(host()), before);
}

TEST_F(RealserverWithModules, ALostRecordLeavesNothingOpen) {
    ASSERT_EQ(realserver("apply").status, 0);
    host().must("rm -r /run/culvert");
    ASSERT_EQ(realserver("teardown").status, 0);
    EXPECT_EQ(host().must("ip fou show"), "");
    EXPECT_THAT(host().must("ip link show up"), testing::Not(HasSubstr("tunl0")));
    for (const char* device : {"geneve6081", "lb1", "lb2"})
        EXPECT_FALSE(host().run(fmt::format("ip link show {}", device)).ok()) << device;
    EXPECT_THAT(host().must("ip addr show dev lo"), testing::Not(HasSubstr("192.0.2.1")));
    EXPECT_EQ(host().must("nft list ruleset"), "");
}

TEST_F(Realserver, TheSecondWaitsAndSaysForWhom) {
    build();
    configure(without_modules.yaml);
    host().must("mkdir -p /run/culvert/realserver");
    Process holder = host().spawn("flock --no-fork /run/culvert/realserver sh -c 'echo locked; exec sleep 600'");
    holder.wait_for("locked");
    Process waiting = host().spawn(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    waiting.wait_for("realserver: waiting for process ");
    (void)holder.stop();
    EXPECT_EQ(waiting.wait().status, 0);
}

TEST_F(Realserver, WorksInANamedNamespace) {
    build();
    configure(without_modules.yaml);
    const std::string before = snapshot(host());
    host().must("ip netns add blue");
    EXPECT_EQ(realserver("--netns blue apply").status, 0);
    EXPECT_EQ(snapshot(host()), before);
    EXPECT_THAT(host().must("ip -n blue addr show dev lo"), AllOf(HasSubstr("192.0.2.1/32"), HasSubstr("2001:db8::1")));
    EXPECT_EQ(realserver("plan --netns blue").status, 0);
    EXPECT_EQ(realserver("plan").status, 3);
    EXPECT_EQ(realserver("teardown --netns blue").status, 0);
    EXPECT_EQ(host().must("nft list ruleset"), "");
    EXPECT_EQ(realserver("plan --netns red").status, 1);
}

// An address on lo is the source if the outgoing device has none, as in unnumbered networks.
TEST_F(Realserver, VipsAreNoSourceOfTheHostsOwnConnections) {
    build();
    configure(without_modules.yaml);
    host().ip("addr del 10.0.0.3/24 dev eth0\naddr del fd00::3/64 dev eth0\n");
    ASSERT_EQ(realserver("apply").status, 0);
    host().ip(
        "addr add 10.9.9.9/32 dev lo\naddr add fd99::9/128 dev lo\n"
        "route add 10.0.0.0/24 dev eth0\nroute add fd00::/64 dev eth0\n");
    EXPECT_THAT(host().must("ip route get 10.0.0.1"), HasSubstr(" src 10.9.9.9 "));
    EXPECT_THAT(host().must("ip route get fd00::1"), HasSubstr(" src fd99::9 "));
}

TEST_F(Realserver, ExitStatusAndWords) {
    build();
    configure("vips: [192.0.2.1]\nrecieve: [{encap: l2}]\n");
    const Output bad = realserver("apply");
    EXPECT_EQ(bad.status, 2);
    EXPECT_THAT(bad.err, HasSubstr("/run/realserver.yaml:2:1: \"recieve\" is not a key of the configuration: did you "
                                   "mean \"receive\"?\n"));
    EXPECT_EQ(realserver("aplly").err, "realserver: unknown command \"aplly\": did you mean apply?\n");
    EXPECT_EQ(host().run(CULVERT_REALSERVER " plan -c /run/none.yaml").status, 2);

    configure(without_modules.yaml);
    EXPECT_EQ(realserver("apply --dry-run").status, 3);
    EXPECT_THAT(realserver("plan --color=always").out, HasSubstr("\x1b[32m+ vip 192.0.2.1\x1b[0m\n"));
    EXPECT_THAT(realserver("plan").out, HasSubstr("\n+ vip 192.0.2.1\n"));
    const json plan = json::parse(realserver("plan -j").out);
    EXPECT_THAT(plan.at("changes"),
                testing::Contains(json{{"action", "add"}, {"kind", "vip"}, {"name", "192.0.2.1"}, {"after", ""}}));
    const Output unprivileged =
        host().run("setpriv --reuid 65534 --clear-groups " CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    EXPECT_EQ(unprivileged.status, 1);
    EXPECT_THAT(unprivileged.err, HasSubstr("run as root"));
}

}  // namespace
}  // namespace culvert::netns
