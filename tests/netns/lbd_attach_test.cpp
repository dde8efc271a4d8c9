// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <array>
#include <csignal>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string config(std::string_view interfaces = "eth0", std::string_view xdp = "auto",
                   std::string_view backend = "10.0.0.3") {
    return fmt::format(R"(
        interfaces: [{}]
        xdp: {}
        flows: {{entries: 64k}}
        services: [{{name: web, vip: 192.0.2.1, ports: [80/tcp, 53/udp], encap: {{type: l2}}, backends: [{{address: {}}}]}}]
        )",
                       interfaces, xdp, backend);
}

constexpr const char* run = CULVERT_LBD " run -c /run/lbd.yaml";
constexpr const char* check = CULVERT_LBD " run --check -c /run/lbd.yaml";

/// The cure in the brackets behind an error, without the rest.
std::string cure_in(const std::string& error) {
    const auto open = error.rfind('(');
    const auto close = error.rfind(')');
    if (open == std::string::npos || close < open) return {};
    const std::string cure = error.substr(open + 1, close - open - 1);
    return cure.substr(0, cure.find(", or xdp: "));
}

class LbdAttach : public LbdTest {
  protected:
    /// Pins a program of an lbd that no longer runs.
    void make_foreign_program() {
        Balancer(balancer(), config()).stop();
        balancer().must("sh -c 'bpftool prog pin pinned /sys/fs/bpf/culvert/lbd/*/*-1/program /sys/fs/bpf/foreign'");
        balancer().must(CULVERT_LBD " stop --detach");
    }
    /// `run` and `run --check` fail with the same words, and their cures work, if necessary one after the other.
    void cure_until_it_runs(std::string_view text, const std::string& words) {
        balancer().write("/run/lbd.yaml", text);
        std::string said;
        for (int round = 0; round < 4; ++round) {
            const Output checked = balancer().run(check);
            if (checked.status == 0) break;
            const Output refused = balancer().run(run);
            EXPECT_EQ(refused.status, 1);
            EXPECT_EQ(checked.status, 1);
            EXPECT_THAT(checked.err, HasSubstr(refused.err)) << "run reports the same, and warnings";
            said += refused.err;
            balancer().must(cure_in(refused.err));
        }
        EXPECT_THAT(said, HasSubstr(words));
        Balancer(balancer(), text).stop();
        balancer().must(CULVERT_LBD " stop --detach");
    }
    [[nodiscard]] std::string mode_in_kernel(const std::string& device) {
        const auto link = nlohmann::json::parse(balancer().must("ip -d -j link show dev " + device));
        if (!link[0].contains("xdp")) return "none";
        return link[0]["xdp"]["mode"] == 2 ? "generic" : "native";
    }
    /// Compares `show interfaces` with the kernel.
    void expect_shown(const Balancer& lbd, std::string_view event) {
        EXPECT_TRUE(eventually([&] {
            for (const auto& one : lbd.show("interfaces")) {
                if (!one.contains("index") || one.contains("vlan_of") || one.contains("member_of")) continue;
                const std::string name = one["name"];
                const auto link = nlohmann::json::parse(balancer().must("ip -d -j link show dev " + name))[0];
                if (one.value("xdp", "none") != mode_in_kernel(name) || one.value("xdp", "none") == "none")
                    return false;
                if (one["mtu"] != link["mtu"] || one["index"] != link["ifindex"]) return false;
            }
            return true;
        })) << event
            << lbd.show("interfaces") << lbd.log();
    }
};

TEST_F(LbdAttach, TheCureForSomebodyElsesProgramFitsHowItIsAttached) {
    make_foreign_program();
    const std::string busy = "attach XDP to eth0: Device or resource busy: another XDP program is attached (";
    for (const char* mode : {"xdpgeneric", "xdpdrv"}) {
        balancer().must(fmt::format("bpftool net attach {} pinned /sys/fs/bpf/foreign dev eth0", mode));
        cure_until_it_runs(config(), busy + "ip link set dev eth0 " + mode + " off)");
    }
    Balancer(balancer(), config()).stop();
    balancer().must("mv /sys/fs/bpf/culvert/lbd /sys/fs/bpf/somebody");
    cure_until_it_runs(config(), busy + "bpftool link detach id ");
}

// Both ends of the veth are on this host, so their names are known.
TEST_F(LbdAttach, TheCureForARefusalFitsWhatTheKernelSays) {
    balancer().ip(
        "link add long type veth peer name end\nlink set end mtu 9000 up\nlink set long up\n"
        "link add many numrxqueues 2 numtxqueues 2 type veth peer name others numrxqueues 2 numtxqueues 2\n"
        "link set others up\nlink set many up\n");
    balancer().must("ethtool -K end gro on");
    balancer().must("ethtool -K others gro on");
    SCOPED_TRACE("cure of mtu_too_long");
    cure_until_it_runs(config("long", "native"),
                       "Peer MTU is too large to set XDP (ip link set dev end mtu 3506, or xdp: generic)");
    EXPECT_THAT(balancer().must("ip link show dev end"), HasSubstr("mtu 3506"));

    balancer().must("ethtool -L many rx 1");
    balancer().must("ethtool -L others tx 2");
    SCOPED_TRACE("cure of queues_too_few");
    cure_until_it_runs(config("many", "native"),
                       "XDP expects number of rx queues not less than peer tx queues (ethtool -L many rx 2, or ");

    balancer().ip(
        "link add few numrxqueues 1 numtxqueues 1 type veth peer name more numrxqueues 2 numtxqueues 2\n"
        "link set more up\nlink set few up\n");
    balancer().must("ethtool -K more gro on");
    balancer().must("ethtool -L more tx 2");
    SCOPED_TRACE("cure of queues_of_other_end_too_many");
    cure_until_it_runs(config("few", "native"),
                       "XDP expects number of rx queues not less than peer tx queues (ethtool -L more tx 1, or ");
}

// A fault that can't be cured from here gets an advice. The other end of eth0 is in the switch's network namespace.
TEST_F(LbdAttach, TheCureForTheOtherEndElsewhereIsAnAdvice) {
    const auto refused = [&] {
        balancer().write("/run/lbd.yaml", config("eth0", "native"));
        return balancer().run(check).err;
    };
    const std::string end = "balancer-eth0";
    {
        SCOPED_TRACE("cure of mtu_too_long_elsewhere");
        lan().host().ip("link set " + end + " mtu 9000\n");
        EXPECT_THAT(refused(), HasSubstr("(at the other end: an MTU of 3506 or less, or xdp: generic)"));
        lan().host().ip("link set " + end + " mtu 3506\n");
        EXPECT_THAT(refused(), testing::Not(HasSubstr("native XDP")));
    }
    SCOPED_TRACE("cure of other_end_elsewhere_takes_none");
    lan().host().must(fmt::format("ip link set {} xdp off", end));
    lan().host().must(fmt::format("ethtool -K {} gro off", end));
    if (refused().find("native XDP") == std::string::npos)
        GTEST_SKIP() << "this kernel doesn't report the XDP features of drivers";
    EXPECT_THAT(refused(), HasSubstr("(at the other end: gro on, or xdp: generic)"));
    lan().host().must(fmt::format("ethtool -K {} gro on", end));
    EXPECT_THAT(refused(), testing::Not(HasSubstr("native XDP")));
}

TEST_F(LbdAttach, AVethWhoseOtherEndTakesNothingFromXdpIsNamed) {
    balancer().ip("link add short type veth peer name end\nlink set end up\nlink set short up\n");
    balancer().must("ethtool -K end gro off");
    balancer().write("/run/lbd.yaml", config("short", "native"));
    if (balancer().run(check).status == 0) GTEST_SKIP() << "this kernel doesn't report the XDP features of drivers";
    SCOPED_TRACE("cure of other_end_takes_none");
    cure_until_it_runs(
        config("short", "native"),
        "attach native XDP to short: Operation not supported: its other end does not accept packets from XDP "
        "(ethtool -K end gro on, or xdp: generic)");
}

TEST_F(LbdAttach, ACheckTriesItAndLeavesNothing) {
    balancer().ip("link add br1 up type bridge\n");
    const std::string before = snapshot(balancer());
    balancer().write("/run/lbd.yaml", config("br1", "native"));
    const Output refused = balancer().run(check);
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("attach native XDP to br1: Operation not supported: "));
    EXPECT_EQ(cure_in(refused.err), "xdp: generic");
    SCOPED_TRACE("cure of native_impossible");
    balancer().write("/run/lbd.yaml", config("br1", "generic"));
    EXPECT_EQ(balancer().run(check).status, 0);
    balancer().write("/run/lbd.yaml", config("br1"));
    EXPECT_THAT(balancer().run(check).err, HasSubstr("; generic XDP is used, which is slower"));
    balancer().write("/run/lbd.yaml", config("br1", "best"));
    for (const char* command : {run, check}) EXPECT_EQ(balancer().run(command).status, 2);
    EXPECT_EQ(snapshot(balancer()), before);

    // Next to a running one it disturbs nothing.
    const Balancer lbd(balancer(), config());
    EXPECT_EQ(balancer().run(check).status, 0);
    EXPECT_EQ(lbd.show("interfaces")[0]["xdp"], "native");
}

class LbdModes : public LbdAttach {
  protected:
    void SetUp() override {
        LbdAttach::SetUp();
        if (IsSkipped()) return;
        far_.emplace(client(), balancer());
    }

    /// Of eth1.
    void make_bridge() {
        balancer().ip(
            "link add br1 up type bridge\nlink set br1 address 02:00:0a:09:00:fe\nlink set eth1 master br1\n"
            "addr flush dev eth1\naddr add 10.9.0.2/24 dev br1\n");
    }
    void expect_all(const Balancer& lbd, std::string_view mode) {
        for (const auto& one : lbd.show("interfaces")) {
            if (one.contains("member_of")) continue;
            EXPECT_EQ(one.value("xdp", "none"), mode) << one;
        }
    }

    const Switch& far() { return far_->network(); }

  private:
    std::optional<FarServer> far_;
};

TEST_F(LbdModes, AllNativeOrAllGeneric) {
    make_bridge();
    balancer().write("/run/lbd.yaml", config("eth0, br1", "native", "10.9.0.3"));
    EXPECT_EQ(balancer().run(run).status, 1);
    EXPECT_EQ(mode_in_kernel("eth0"), "none") << "a failure half-way is undone";
    EXPECT_EQ(mode_in_kernel("br1"), "none");

    std::optional<Balancer> lbd(std::in_place, balancer(), config("eth0, br1", "auto", "10.9.0.3"));
    ASSERT_TRUE(eventually([&] { return lbd->reaches("10.9.0.3"); }));
    EXPECT_EQ(lbd->said("generic XDP is used on all interfaces, which is slower"), 1U) << lbd->log();
    EXPECT_THAT(lbd->log(), HasSubstr("attach native XDP to br1: Operation not supported"));
    expect_all(*lbd, "generic");
    EXPECT_EQ(http_get(client(), vip4), "server\n");
    lbd->stop();
    lbd.emplace(balancer(), config("eth0, br1", "auto", "10.9.0.3"));
    expect_all(*lbd, "generic");
}

TEST_F(LbdModes, OneThatComesLaterAndCanNotDoNativeTurnsAllToGeneric) {
    const Balancer lbd(balancer(), config("eth0, br1", "auto", "10.9.0.3"));
    EXPECT_EQ(mode_in_kernel("eth0"), "native");
    make_bridge();
    ASSERT_TRUE(eventually([&] { return lbd.reaches("10.9.0.3") && mode_in_kernel("br1") == "generic"; }));
    expect_all(lbd, "generic");
    EXPECT_EQ(lbd.said("generic XDP is used on all interfaces, which is slower"), 1U) << lbd.log();
    EXPECT_EQ(http_get(client(), vip4), "server\n");
}

TEST_F(LbdModes, WhatIsTakenOffIsAttachedAgain) {
    make_foreign_program();
    const Balancer lbd(balancer(), config());
    const std::string pin = "$(find /sys/fs/bpf/culvert/lbd -path */links/*)";
    balancer().must("sh -c 'bpftool link detach pinned " + pin + "'");
    EXPECT_TRUE(eventually([&] {
        return lbd.said("interface eth0 had lost the XDP program: balancing on it again") == 1;
    })) << lbd.log();
    EXPECT_EQ(lbd.show("interfaces")[0]["xdp"], "native");
    EXPECT_THAT(balancer().must("ip link show dev eth0"), HasSubstr("xdp"));

    // Another change comes first.
    lbd.signal(SIGSTOP);
    balancer().must("sh -c 'bpftool link detach pinned " + pin +
                    " && bpftool net attach xdpdrv pinned /sys/fs/bpf/foreign dev eth0'");
    lbd.signal(SIGCONT);
    EXPECT_FALSE(lbd.show("interfaces")[0].contains("xdp")) << "it is read from the kernel now";
    EXPECT_TRUE(eventually([&] {
        return lbd.said("another XDP program is attached (ip link set dev eth0 xdpdrv off)") == 1;
    })) << lbd.log();
    EXPECT_EQ(balancer().must("find /sys/fs/bpf/culvert/lbd -path */links/*"), "");
    balancer().must("ip link set dev eth0 xdpdrv off");
    EXPECT_TRUE(eventually([&] { return lbd.show("interfaces")[0].value("xdp", "none") == "native"; }));
    EXPECT_EQ(lbd.said("another XDP program is attached"), 1U);
    EXPECT_EQ(lbd.said("balancing on it again"), 2U) << lbd.log();
}

class LbdLosses : public LbdModes {
  protected:
    static constexpr int packets = 200;

    /// Datagrams, each a flow of its own.
    void send() {
        client().write("/run/send.py", fmt::format(R"py(
import socket, time
for _ in range({}):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53))
    time.sleep(0.001)
)py",
                                                   packets));
        client().must("python3 /run/send.py");
    }

    /// The sum of all frames not sent in a capture.
    static int frames_not_sent(const std::string& told, const std::string& device) {
        const std::regex loss("([0-9]+) frames? not sent by " + device +
                              ": not_sent: the outgoing interface did not accept the frame from XDP "
                              "\\((No such device or address|Operation not supported)\\)");
        int sum = 0;
        for (auto match = std::sregex_iterator(told.begin(), told.end(), loss); match != std::sregex_iterator();
             ++match)
            sum += std::stoi((*match)[1]);
        return sum;
    }

    /// After setup, the other end of the cable to the backend stops accepting frames from XDP: the kernel loses the
    /// frames of lbd.
    void expect_losses_counted(const std::string& interfaces, const std::string& backend, const Host& lan,
                               const std::string& port) {
        std::optional<Balancer> lbd(std::in_place, balancer(), config(interfaces, "native", backend));
        if (lbd->said("are not counted") > 0) GTEST_SKIP() << lbd->log();
        ASSERT_TRUE(eventually([&] { return lbd->reaches(backend); }));
        const auto forwarded = [&] { return lbd->show("counters")["forwarded"]["packets"].get<int>(); };
        send();
        ASSERT_TRUE(eventually([&] { return forwarded() == packets; }));
        EXPECT_EQ(lbd->dropped("not_sent"), 0U);

        lan.ip("link set " + port + " xdp off\n");
        lan.must("ethtool -K " + port + " gro off");
        Capture capture(lan, port, "dst host 192.0.2.1 and udp and src host 10.0.0.1 and ether src 02:00:0a:00:00:02");
        std::vector<Process> captures;
        for (const char* more : {"", " -w /run/lost.pcapng"}) {
            const std::string asked = fmt::format("{} capture --reason not_sent --count {}", CULVERT_LBD, packets);
            captures.push_back(balancer().spawn(asked + more));
            captures.back().wait_for("capturing on");
        }
        send();
        EXPECT_TRUE(eventually([&] { return lbd->dropped("not_sent") == packets; })) << lbd->show("counters");
        EXPECT_EQ(lbd->backend(backend)["packets"], 2 * packets);
        EXPECT_EQ(forwarded(), packets) << "each packet was either sent or dropped";
        EXPECT_EQ(capture.stop().count(), 0U);
        EXPECT_THAT(balancer().must("curl -s http://127.0.0.1:9477/metrics"),
                    HasSubstr(fmt::format("lbd_dropped_packets_total{{reason=\"not_sent\"}} {}\n", packets)));
        const std::string device = backend == "10.0.0.3" ? "eth0" : "eth1";
        const Output lines = captures[0].wait();
        EXPECT_EQ(frames_not_sent(lines.out, device), packets) << lines;
        EXPECT_EQ(captures[1].wait().status, 0);
        EXPECT_EQ(frames_not_sent(balancer().must("cat /run/lost.pcapng"), device), packets);
        for (const char* more : {"--service dns", "udp"})
            EXPECT_EQ(balancer().run(fmt::format("{} capture --reason not_sent {}", CULVERT_LBD, more)).status, 2);

        // Losses are also counted while no lbd runs, and the next lbd continues from there.
        lbd->stop();
        send();
        lbd.emplace(balancer(), config(interfaces, "generic", backend));
        EXPECT_EQ(lbd->dropped("not_sent"), 2 * packets);
        balancer().must(CULVERT_LBD " stop --detach");
        EXPECT_EQ(balancer().must("find /sys/fs/bpf/culvert/lbd -type f"), "");
    }
};

TEST_F(LbdLosses, OfARedirect) { expect_losses_counted("eth0, eth1", "10.9.0.3", far().host(), "balancer-eth1"); }

TEST_F(LbdLosses, OfWhatGoesBackWhereItCameFrom) {
    expect_losses_counted("eth0", "10.0.0.3", lan().host(), "balancer-eth0");
}

class LbdStuck : public LbdAttach {
  protected:
    Process start(std::string_view text) {
        balancer().write("/run/lbd.yaml", text);
        Process lbd =
            balancer().spawn("env CULVERT_REFUSE_EXCHANGE=/run/refuse " CULVERT_LBD_FAULTS " run -c /run/lbd.yaml");
        lbd.wait_for("balancing");
        return lbd;
    }
    [[nodiscard]] std::string generations() {
        return balancer().must("sh -c 'ls /sys/fs/bpf/culvert/lbd/*/ | grep -v links'");
    }
    /// Causes a new program to be compiled.
    void change_address() { balancer().ip("addr del fd00::2/64 dev eth0\naddr add fd00::22/64 dev eth0\n"); }
};

TEST_F(LbdStuck, WhereTheProgramCanNotBeExchangedTheFormerGoesOnAndItIsTriedAgain) {
    const HttpServer web(backend(), "backend");
    const Process lbd = start(config("eth0", "native"));
    const std::string before = generations();
    const auto program = [&] { return balancer().must("sh -c 'ip link show dev eth0 | grep -o prog/xdp.id.[0-9]*'"); };
    const std::string id = program();
    balancer().write("/run/refuse", "");
    change_address();
    lbd.wait_for(
        "recompile the program (the former one stays): attach native XDP to eth0: Numerical result out of range");
    EXPECT_EQ(http_get(client(), vip4), "backend\n");
    EXPECT_EQ(program(), id);
    EXPECT_EQ(generations(), before) << "the generation that failed is removed";
    balancer().write("/run/lbd.yaml", config("eth0", "native") + "latency: false\n");
    const Output refused = balancer().run(CULVERT_LBD " reload");
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("attach native XDP to eth0: Numerical result out of range"));
    EXPECT_EQ(http_get(client(), vip4), "backend\n");

    balancer().must("rm /run/refuse");
    balancer().ip("link set eth0 mtu 1480\n");  // something has changed
    lbd.wait_for("the program is compiled for the present surroundings now");
    EXPECT_NE(program(), id);
    EXPECT_NE(generations(), before);
    EXPECT_EQ(http_get(client(), vip4), "backend\n");
}

TEST_F(LbdStuck, AutoBecomesGenericAlsoWhenItIsStartedAgain) {
    const HttpServer web(backend(), "backend");
    {
        Process lbd = start(config());
        EXPECT_EQ(mode_in_kernel("eth0"), "native");
        lbd.stop();
    }
    balancer().write("/run/refuse", "");
    {
        Process lbd = start(config());
        EXPECT_EQ(mode_in_kernel("eth0"), "generic");
        EXPECT_EQ(http_get(client(), vip4), "backend\n");
        lbd.stop();
    }
    balancer().must(CULVERT_LBD " stop --detach");
    balancer().must("rm /run/refuse");
    const Process lbd = start(config());
    EXPECT_EQ(mode_in_kernel("eth0"), "native");
    balancer().write("/run/refuse", "");
    change_address();
    lbd.wait_for("; generic XDP is used, which is slower");
    EXPECT_TRUE(eventually([&] { return mode_in_kernel("eth0") == "generic"; }));
    EXPECT_EQ(http_get(client(), vip4), "backend\n");
}

// One after the other, while clients send requests.
TEST_F(LbdAttach, NoEventOfTheNetworkEndsIt) {
    REQUIRE_MODULE("8021q");
    REQUIRE_MODULE("bonding");
    const HttpServer web(backend(), "backend");
    balancer().ip(
        "link add p0 type veth peer name q0\nlink add p1 type veth peer name q1\nlink set q0 up\nlink set q1 up\n"
        "link add bond0 type bond miimon 20 mode active-backup\nlink set p0 master bond0\nlink set bond0 up\n");
    for (const char* end : {"q0", "q1", "p0", "p1"}) balancer().must(fmt::format("ethtool -K {} gro on", end));
    const Balancer lbd(balancer(), config("eth0, bond0"));
    client().write("/run/trickle.sh", R"(
        while ! [ -e /run/enough ]; do
            curl -s --max-time 1 http://192.0.2.1/ >/dev/null && echo answered
            sleep 0.05
        done
        )");
    Process clients = client().spawn("sh /run/trickle.sh");
    clients.wait_for("answered");

    const std::string detach = "bpftool link detach pinned $(find /sys/fs/bpf/culvert/lbd -path '*/links/*' | head -1)";
    const std::array<std::array<std::string, 2>, 16> events{{
        {"MTU lowered", "ip link set eth0 mtu 1400"},
        {"MTU raised", "ip link set eth0 mtu 9000"},
        {"VLAN made under it", "ip link add link eth0 name a up type vlan id 10"},
        {"VLAN on a bond made", "ip link add link bond0 name b up type vlan id 20"},
        {"VLANs removed", "ip link del a; ip link del b"},
        {"MTU put back", "ip link set eth0 mtu 1500"},
        {"bond member added", "ip link set p1 master bond0"},
        {"bond member removed", "ip link set p0 nomaster"},
        {"last bond member removed", "ip link set p1 nomaster"},
        {"bond member added again", "ip link set p1 master bond0"},
        {"link down", "ip link set eth0 down"},
        {"link up", "ip link set eth0 up"},
        {"renamed", "ip link set eth0 down; ip link set eth0 name other"},
        {"named back", "ip link set other name eth0; ip link set eth0 up; ip addr add fd00::2/64 dev eth0"},
        {"detached by hand", detach},
        {"another address", "ip addr add 10.0.0.77/24 dev eth0; ip addr del 10.0.0.77/24 dev eth0"},
    }};
    for (const auto& [event, command] : events) {
        balancer().run({"sh", "-c", command});
        expect_shown(lbd, event);
    }
    balancer().ip("link del eth0\n");
    expect_shown(lbd, "deleted");
    lan().connect({{balancer(), "eth0", {"10.0.0.2/24", "fd00::2/64"}}});
    expect_shown(lbd, "made anew");
    EXPECT_TRUE(eventually([&] { return client().run("curl -s --max-time 1 http://192.0.2.1/").ok(); }));
    client().write("/run/enough", "");
    EXPECT_EQ(clients.wait().status, 0);
    EXPECT_THAT(lbd.log(), Not(HasSubstr("[error]")));
}

}  // namespace
}  // namespace culvert::netns
