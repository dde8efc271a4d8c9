// SPDX-License-Identifier: Apache-2.0
//
// A backend that others change, and that repairs itself.
#include <gmock/gmock.h>

#include <random>
#include <string>
#include <vector>

#include "tests/netns/realserver_test.hpp"

namespace culvert::netns {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Process start_monitor(const Host& host) {
    Process process = host.spawn(CULVERT_REALSERVER " monitor -c /run/realserver.yaml");
    process.wait_for("ready");
    return process;
}

/// With all modules, or without any.
class RealserverMonitor : public RealserverWith {
  protected:
    bool comes_in_order() {
        return eventually([&] { return realserver("plan").status == 0; });
    }
};

INSTANTIATE_TEST_SUITE_P(Configuration, RealserverMonitor, testing::Values(everything, without_modules),
                         [](const auto& which) { return which.param.name; });

struct Breakage {
    std::string command;
    std::string repair;  ///< text of the log
};

std::vector<Breakage> breakages(const Configuration& configuration) {
    std::vector<Breakage> all{
        {"ip addr del 192.0.2.1/32 dev lo", "+ vip 192.0.2.1"},
        {"ip addr del 2001:db8::1/128 dev lo", "+ vip 2001:db8::1"},
        {"ip route del local 198.51.100.0/28 dev lo table local", "+ vip 198.51.100.0/28"},
        {"ip -6 route del local 2001:db8:1::/64 dev lo table local", "+ vip 2001:db8:1::/64"},
        {"sysctl -w net.ipv4.conf.all.arp_ignore=0", "~ sysctl net.ipv4.conf.all.arp_ignore: 0 -> 1"},
        {"sysctl -w net.ipv4.conf.all.arp_announce=1", "~ sysctl net.ipv4.conf.all.arp_announce: 1 -> 2"},
        {"nft delete table inet culvert", "+ table inet culvert"},
        {"ip link set lo down", "~ link lo: down -> up"},
    };
    if (configuration == everything)
        all.insert(all.end(),
                   {
                       {"ip fou del port 5080", "+ port 5080/udp over ipv4: gue"},
                       {"ip -6 fou del port 5006", "+ port 5006/udp over ipv6: fou, inner ipv6"},
                       {"ip link set tunl0 down", "~ link tunl0: down -> up"},
                       {"ip link set ip6gre0 down", "~ link ip6gre0: down -> up"},
                       {"ip -6 tunnel change ip6tnl0 mode ip6ip6", "~ mode ip6tnl0: ip6ip6 -> any"},
                       {"sysctl -w net.ipv4.conf.gre0.rp_filter=2", "~ sysctl net.ipv4.conf.gre0.rp_filter: 2 -> 0"},
                       {"sysctl -w net.ipv4.conf.all.rp_filter=2", "~ sysctl net.ipv4.conf.all.rp_filter: 2 -> 0"},
                   });
    return all;
}

TEST_P(RealserverMonitor, RepairsEverythingThatIsBroken) {
    Process monitor = start_monitor(host());
    for (const Breakage& breakage : breakages(GetParam())) {
        host().must(breakage.command);
        monitor.wait_for("repaired: " + breakage.repair);
    }
    EXPECT_TRUE(comes_in_order()) << monitor.err();
    EXPECT_THAT(monitor.err(), HasSubstr("; it was changed by process "));
    EXPECT_THAT(monitor.err(), HasSubstr(" (nft)\n"));
    EXPECT_THAT(monitor.err(), Not(HasSubstr("error")));
}

TEST_P(RealserverMonitor, EndsUpAsWantedWhateverHappens) {
    Process monitor = start_monitor(host());
    const auto all = breakages(GetParam());
    std::mt19937 random(4711);
    for (int i = is_emulated ? 150 : 1000; i > 0; --i) (void)host().run(all[random() % all.size()].command);
    // It is in back-off by now. SIGHUP makes it read its configuration and try everything at once.
    kill(monitor.pid(), SIGHUP);
    EXPECT_TRUE(comes_in_order()) << monitor.err();
    EXPECT_EQ(monitor.stop().status, 0);
    ASSERT_EQ(realserver("teardown").status, 0);
    EXPECT_EQ(host().must("nft list ruleset"), "");
    EXPECT_THAT(host().must("ip addr show dev lo"), Not(HasSubstr("proto")));
    EXPECT_THAT(host().must("ip route show table all"), Not(HasSubstr("198.51.100.0/28")));
}

class RealserverMonitorAlone : public Realserver {
  protected:
    void SetUp() override {
        Realserver::SetUp();
        if (IsSkipped()) return;
        build();
        configure(without_modules.yaml);
    }
};

TEST_F(RealserverMonitorAlone, MakesADeletedDeviceAnew) {
    REQUIRE_MODULE("ip_gre");
    configure(
        "vips: [192.0.2.1]\nreceive: [{encap: l2}]\n"
        "tunnels: [{name: tun7, type: gretap, local: 10.0.0.3, remote: 10.0.0.1}]\n");
    const Process monitor = start_monitor(host());
    host().ip("link del tun7\n");
    monitor.wait_for("repaired: + device tun7");
    monitor.wait_for("repaired: ~ link tun7: down -> up");
    EXPECT_EQ(realserver("plan").status, 0);
}

TEST_F(RealserverMonitorAlone, GivesWayToOneThatInsists) {
    Process monitor = start_monitor(host());
    const Process other =
        host().spawn("sh -c 'while sleep 0.05; do ip addr del 192.0.2.1/32 dev lo 2>/dev/null; done'");
    monitor.wait_for("somebody else keeps changing vip 192.0.2.1 (+ vip 192.0.2.1): trying again in 2 s");
    const std::string log = monitor.err();
    // On a slow machine the first second may be over before the change is seen. Then nothing is said about it.
    const std::size_t first = log.rfind("trying again in 1 s");
    const bool is_said = first != std::string::npos;
    const std::string last = log.substr(is_said ? first : 0);
    EXPECT_EQ(count(last, "repaired:"), is_said ? 1 : 2) << log;
    EXPECT_EQ(count(last, "trying again in"), is_said ? 2 : 1) << log;
}

TEST_F(RealserverMonitorAlone, ReadsItsConfigurationAnew) {
    Process monitor = start_monitor(host());
    configure("vips: [192.0.2.2]\nreceive: [{encap: l2}]\n");
    kill(monitor.pid(), SIGHUP);
    monitor.wait_for("the new configuration is in force");
    const std::string lo = host().must("ip addr show dev lo");
    EXPECT_THAT(lo, AllOf(HasSubstr("192.0.2.2"), Not(HasSubstr("192.0.2.1"))));

    configure("vips: [192.0.2.3]\nreceive: [{encap: l3}]\n");
    kill(monitor.pid(), SIGHUP);
    monitor.wait_for("the configuration stays as it was");
    EXPECT_THAT(monitor.err(), HasSubstr("/run/realserver.yaml:2:19: "));
    EXPECT_EQ(host().must("ip addr show dev lo"), lo);
    host().ip("addr del 192.0.2.2/32 dev lo\n");
    monitor.wait_for("repaired: + vip 192.0.2.2");
}

TEST_F(RealserverMonitorAlone, IsTheOnlyOneThatChangesTheHostAndLeavesItAsItIs) {
    Process monitor = start_monitor(host());
    const std::string kept = snapshot(host());
    for (const char* command : {"apply", "teardown"})
        EXPECT_THAT(realserver(command).err, HasSubstr("(realserver) monitors it, and would undo the change"));
    EXPECT_THAT(realserver("monitor").err, HasSubstr("another monitor is running: process "));
    EXPECT_EQ(realserver("plan").status, 0);
    EXPECT_EQ(monitor.stop().status, 0);
    EXPECT_EQ(snapshot(host()), kept);
    EXPECT_EQ(realserver("apply").out, "nothing to change\n");
    EXPECT_EQ(realserver("teardown").status, 0);
    EXPECT_EQ(host().must("find /run/culvert -type f"), "");
}

TEST_F(RealserverMonitorAlone, WaitsForAnApplyThatIsUnderWay) {
    Process monitor = start_monitor(host());
    Process holder = host().spawn("flock --no-fork /run/culvert/realserver sh -c 'echo locked; exec sleep 600'");
    holder.wait_for("locked");
    host().ip("addr del 192.0.2.1/32 dev lo\n");
    monitor.wait_for("another realserver is running: process ");
    EXPECT_THAT(host().must("ip addr show dev lo"), Not(HasSubstr("192.0.2.1")));
    (void)holder.stop();
    monitor.wait_for("repaired: + vip 192.0.2.1");
}

TEST_F(RealserverMonitorAlone, TellsSystemd) {
    const Process systemd = host().spawn(
        "python3 -c 'import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(\"/run/notify\"); "
        "print(\"bound\", flush=True)\nwhile True: print(s.recv(4096).decode(), flush=True)'");
    systemd.wait_for("bound");
    Process monitor = host().spawn("env NOTIFY_SOCKET=/run/notify WATCHDOG_USEC=200000 " CULVERT_REALSERVER
                                   " monitor -c /run/realserver.yaml");
    systemd.wait_for("READY=1");
    systemd.wait_for("STATUS=in order; 0 repairs so far");
    systemd.wait_for("WATCHDOG=1");
    host().ip("addr del 192.0.2.1/32 dev lo\n");
    systemd.wait_for("STATUS=in order; 1 repair so far");
    kill(monitor.pid(), SIGHUP);
    systemd.wait_for("RELOADING=1\nMONOTONIC_USEC=");
    EXPECT_EQ(monitor.stop().status, 0);
    systemd.wait_for("STOPPING=1");
}

}  // namespace
}  // namespace culvert::netns
