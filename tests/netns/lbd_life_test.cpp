// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::HasSubstr;

std::string config(std::string_view interface = "eth0", std::string_view xdp = "auto") {
    return fmt::format(R"(
        interfaces: [{}]
        xdp: {}
        flows: {{entries: 64k}}
        services:
          - {{name: web4, vip: 192.0.2.1, ports: [80/tcp], encap: {{type: l2}}, backends: [{{address: 10.0.0.3}}]}}
          - {{name: web6, vip: "2001:db8::1", ports: [80/tcp], encap: {{type: l2}}, backends: [{{address: "fd00::3"}}]}}
        )",
                       interface, xdp);
}

std::string with_checks_and_metrics() {
    std::string text = config() + "\n        metrics: 127.0.0.1:9477\n";
    const std::string kind = "encap: {type: l2},";
    return text.replace(text.find(kind), kind.size(), kind + " health: {type: tcp},");
}

class LbdLife : public LbdTest {
  protected:
    /// Everything that lbd could leave behind: XDP programs, managed neighbours, sockets.
    std::string traces() {
        return balancer().must(
            "sh -c 'ip -d link | grep -o xdp.*; ip neigh | grep managed; ls -A /run/culvert/lbd;"
            " find /sys/fs/bpf/culvert/lbd -type f -printf \"pinned %f\\n\"; true'");
    }
};

TEST_F(LbdLife, GoesOnWithoutTheProcessUntilItIsDetached) {
    const HttpServer web(backend(), "backend");
    const std::string before = snapshot(balancer());
    for (const int signal : {SIGTERM, SIGINT, SIGKILL}) {
        Balancer lbd(balancer(), config());
        EXPECT_THAT(traces(), testing::AllOf(HasSubstr("xdp"), HasSubstr("managed"), HasSubstr("lbd.sock")));
        const Output output = lbd.stop(signal);
        EXPECT_EQ(output.status, signal == SIGKILL ? 128 + SIGKILL : 0) << output;
        EXPECT_THAT(traces(), testing::AllOf(HasSubstr("xdp"), HasSubstr("managed"), HasSubstr("pinned")));
        EXPECT_EQ(http_get(client(), vip4), "backend\n");

        balancer().must(CULVERT_LBD " stop --detach");
        EXPECT_EQ(traces(), "");
        EXPECT_EQ(snapshot(balancer()), before);
    }
}

TEST_F(LbdLife, StopsByCommand) {
    Balancer lbd(balancer(), config());
    balancer().must(CULVERT_LBD " stop");
    EXPECT_EQ(lbd.wait().status, 0);
    EXPECT_THAT(traces(), HasSubstr("xdp"));
    Balancer again(balancer(), config());
    balancer().must(CULVERT_LBD " stop --detach");
    EXPECT_EQ(again.wait().status, 0);
    EXPECT_EQ(traces(), "");
    const Output none = balancer().run(CULVERT_LBD " stop");
    EXPECT_EQ(none.status, 1);
    EXPECT_THAT(none.err, HasSubstr("is it running?"));
}

// The command reports what is left, whether lbd runs or not.
TEST_F(LbdLife, ADetachThatFailsSaysSo) {
    for (const bool runs : {true, false}) {
        Balancer lbd(balancer(), config());
        balancer().must(CULVERT_LBD " drain 10.0.0.3");
        if (!runs) (void)lbd.stop(SIGKILL);
        balancer().must(
            "sh -ec 'mount --bind /run/culvert/lbd /run/culvert/lbd;"
            " mount -o remount,bind,ro /run/culvert/lbd'");
        const Output output = balancer().run(CULVERT_LBD " stop --detach");
        EXPECT_EQ(output.status, 1) << output;
        EXPECT_THAT(output.err, HasSubstr("lbd.drained.json.new: Read-only file system"));
        if (runs) {
            EXPECT_EQ(lbd.wait().status, 1);
        }
        EXPECT_THAT(traces(),
                    testing::Not(testing::AnyOf(HasSubstr("xdp"), HasSubstr("managed"), HasSubstr("pinned"))));
        balancer().must("umount /run/culvert/lbd");
        balancer().must(CULVERT_LBD " stop --detach");
        EXPECT_EQ(traces(), "");
    }
}

// An lbd that starts in another network namespace checks whether it should remove the files of this one.
TEST_F(LbdLife, WhatIsLockedForAMomentIsWaitedFor) {
    {
        Balancer lbd(balancer(), config());
        EXPECT_EQ(balancer().must("sh -c 'stat -c %a /sys/fs/bpf/culvert/lbd/*'"), "700\n")
            << "no stranger can lock it";
        (void)lbd.stop(SIGKILL);
    }
    const std::string lock = "flock --no-fork /sys/fs/bpf/culvert/lbd/* sh -c";
    Process other = balancer().spawn("sh -c \"" + lock + " 'echo locked; exec sleep 0.3'\"");
    other.wait_for("locked");
    const Balancer lbd(balancer(), config());
    const Output second = balancer().run(CULVERT_LBD " --socket /run/other.sock run -c /run/lbd.yaml");
    EXPECT_EQ(second.status, 1) << second;
    EXPECT_THAT(second.err, HasSubstr("another lbd is running in this network namespace"));
}

TEST_F(LbdLife, ABadConfigurationIsRefusedAndChangesNothing) {
    const Balancer lbd(balancer(), config());
    const std::string before = lbd.show("backends").dump();
    balancer().write("/run/lbd.yaml", "interfaces: [eth0]\nservice: []\n");
    const Output bad = balancer().run(CULVERT_LBD " reload");
    EXPECT_EQ(bad.status, 2);
    EXPECT_THAT(bad.err, HasSubstr("/run/lbd.yaml:2:1: \"service\" is not a key"));
    EXPECT_EQ(lbd.show("backends").dump(), before);

    balancer().write("/run/lbd.yaml", config("eth7"));
    const Output missing = balancer().run(CULVERT_LBD " reload");
    EXPECT_EQ(missing.status, 1);
    EXPECT_THAT(missing.err, HasSubstr("eth7: No such device"));
    EXPECT_EQ(lbd.show("backends").dump(), before);
}

TEST_F(LbdLife, ASignalReloadsTooAndTheMetricsTellWhatBecameOfIt) {
    const Balancer lbd(balancer(), config());
    const auto reloads = [&] {
        return balancer().must("sh -c 'curl -sS http://127.0.0.1:9477/metrics | grep ^lbd_config'");
    };
    balancer().write("/run/lbd.yaml", "interfaces: [eth0]\nflows: {entries: 64k}\nservices: []\n");
    lbd.signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return lbd.show("services").empty(); }));
    EXPECT_EQ(reloads(),
              "lbd_config_reloads_total{result=\"done\"} 1\nlbd_config_reloads_total{result=\"failed\"} 0\n"
              "lbd_config_last_reload_successful 1\n");
    balancer().write("/run/lbd.yaml", "interfaces: [eth0]\nservice: []\n");
    lbd.signal(SIGHUP);
    EXPECT_TRUE(
        eventually([&] { return lbd.said("reload refused: /run/lbd.yaml:2:1: \"service\" is not a key") == 1; }));
    EXPECT_EQ(reloads(),
              "lbd_config_reloads_total{result=\"done\"} 1\nlbd_config_reloads_total{result=\"failed\"} 1\n"
              "lbd_config_last_reload_successful 0\n");
}

TEST_F(LbdLife, MapsOfAnotherVersionAreRefused) {
    Balancer(balancer(), config()).stop();
    balancer().must("sh -c 'cd /sys/fs/bpf/culvert/lbd/*/ && mv *-1 1-1'");
    const Output output = balancer().run(CULVERT_LBD " run -c /run/lbd.yaml");
    EXPECT_EQ(output.status, 1);
    EXPECT_THAT(output.err, HasSubstr("its maps have ABI version 1"));
    EXPECT_THAT(output.err, HasSubstr("(lbd stop --detach, then start: all flows are forgotten)"));
    EXPECT_THAT(traces(), HasSubstr("xdp"));
}

TEST_F(LbdLife, MapsOfAnotherShapeAreRefused) {
    Balancer(balancer(), config()).stop();
    const auto refusal = [&](const std::string& map) {
        balancer().must(
            fmt::format("sh -ec 'cd /sys/fs/bpf/culvert/lbd/*/*-1 && rm {0} && bpftool map create $PWD/{0}"
                        " type array key 4 value 8 entries 1 name other'",
                        map));
        const Output output = balancer().run(CULVERT_LBD " run -c /run/lbd.yaml");
        EXPECT_EQ(output.status, 1);
        EXPECT_THAT(output.err, HasSubstr("(lbd stop --detach, then start: all flows are forgotten)"));
        EXPECT_THAT(traces(), HasSubstr("xdp"));
        return output.err;
    };
    EXPECT_THAT(refusal("dests"), HasSubstr("/dests: Protocol error: its values have 8 bytes, those of this version "));
    EXPECT_THAT(refusal("compiled_to"), HasSubstr("its program's constants differ in size"));
    balancer().must(CULVERT_LBD " stop --detach");
    EXPECT_EQ(traces(), "");
}

// A later version may count more reasons, and an earlier one fewer.
TEST_F(LbdLife, CountersOfAnotherVersionAreTakenOver) {
    const HttpServer web(backend(), "backend");
    for (const int entries : {3, 99}) {
        SCOPED_TRACE(entries);
        Balancer(balancer(), config()).stop();
        balancer().must(
            fmt::format("sh -ec 'cd /sys/fs/bpf/culvert/lbd/*/*-?; rm reasons; bpftool map create $PWD/reasons "
                        "type percpu_array key 4 value 8 entries {} name reasons;"
                        "bpftool map update pinned $PWD/reasons key 2 0 0 0 value 7 0 0 0 0 0 0 0'",
                        entries));
        const Balancer lbd(balancer(), config());
        EXPECT_GE(lbd.dropped("ip_options"), 7U) << "on each CPU";
        EXPECT_TRUE(client().run("curl -s --max-time 5 http://192.0.2.1/").ok());
    }
}

TEST_F(LbdLife, StartsAgainAfterItWasKilled) {
    const HttpServer web(backend(), "backend");
    Balancer(balancer(), config()).stop(SIGKILL);
    EXPECT_THAT(traces(), HasSubstr("lbd.sock"));
    Balancer lbd(balancer(), config());
    EXPECT_EQ(http_get(client(), vip4), "backend\n");
    EXPECT_EQ(lbd.stop().status, 0);
}

TEST_F(LbdLife, TheSecondOneIsRefused) {
    const Balancer first(balancer(), config());
    const Output second = balancer().run(CULVERT_LBD " run -c /run/lbd.yaml");
    EXPECT_EQ(second.status, 1);
    EXPECT_THAT(second.err, HasSubstr("another lbd is running in this network namespace"));
    EXPECT_TRUE(eventually([&] { return first.reaches("10.0.0.3"); }));
}

TEST_F(LbdLife, ForeignXdpProgramsStay) {
    Balancer(balancer(), config()).stop();
    balancer().must("mv /sys/fs/bpf/culvert/lbd /sys/fs/bpf/somebody");
    const Output output = balancer().run(CULVERT_LBD " run -c /run/lbd.yaml");
    EXPECT_EQ(output.status, 1);
    EXPECT_THAT(output.err, HasSubstr("another XDP program is attached (bpftool link detach id "));
    EXPECT_THAT(balancer().must("ip link show eth0"), HasSubstr("xdp"));
    EXPECT_EQ(balancer().must("find /sys/fs/bpf/culvert/lbd -mindepth 1"), "");
}

TEST_F(LbdLife, GenericXdpOnRequest) {
    use_default_offloads_everywhere();
    const HttpServer web(backend(), "backend");
    const Balancer lbd(balancer(), config("eth0", "generic"));
    EXPECT_EQ(lbd.show("interfaces")[0]["xdp"], "generic");
    EXPECT_EQ(http_get(client(), vip4), "backend\n");
    EXPECT_EQ(http_get(client(), vip6), "backend\n");
}

// A bridge has no native XDP.
TEST_F(LbdLife, GenericXdpWhereTheDriverHasNoOther) {
    use_default_offloads_everywhere();
    const HttpServer web(backend(), "backend");
    balancer().ip(
        "link add br0 address 02:00:0a:00:00:02 up type bridge\nlink set eth0 master br0\n"
        "addr flush dev eth0\naddr add 10.0.0.2/24 dev br0\naddr add fd00::2/64 dev br0\n");
    balancer().write("/run/lbd.yaml", config("br0", "native"));
    const Output native = balancer().run(CULVERT_LBD " run -c /run/lbd.yaml");
    EXPECT_EQ(native.status, 1);
    EXPECT_THAT(native.err, HasSubstr("attach native XDP to br0: Operation not supported"));

    const Balancer lbd(balancer(), config("br0"));
    EXPECT_THAT(lbd.log(), HasSubstr("attach native XDP to br0: Operation not supported: "));
    EXPECT_THAT(lbd.log(), HasSubstr("; generic XDP is used, which is slower"));
    EXPECT_EQ(lbd.show("interfaces")[0]["xdp"], "generic");
    EXPECT_EQ(http_get(client(), vip4), "backend\n");
    EXPECT_EQ(http_get(client(), vip6), "backend\n");
}

TEST_F(LbdLife, TellsSystemdWhenItIsReady) {
    constexpr const char* systemd = R"py(
import os, signal, socket, subprocess, sys
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind("/run/notify")
notify.settimeout(20)
lbd = subprocess.Popen(sys.argv[1:], env={**os.environ, "NOTIFY_SOCKET": "/run/notify"}, stderr=subprocess.DEVNULL)
while (word := notify.recv(4096).decode()) != "READY=1":
    print(word)
print(word, subprocess.run("ip -d link show eth0 | grep -c prog/xdp", shell=True, capture_output=True, text=True).stdout)
lbd.send_signal(signal.SIGHUP)
for word in "RELOADING=1", "READY=1":
    print(notify.recv(4096).decode().splitlines()[0] == word)
lbd.terminate()
while (word := notify.recv(4096).decode()) != "STOPPING=1":
    print(word)
print(word, lbd.wait())
)py";
    balancer().write("/run/systemd.py", systemd);
    balancer().write("/run/lbd.yaml", config());
    const std::string words = balancer().must("python3 /run/systemd.py " CULVERT_LBD " run -c /run/lbd.yaml");
    EXPECT_THAT(words, HasSubstr("STATUS=2 services, 2 of 2 backends reachable"));
    EXPECT_THAT(words, HasSubstr("READY=1 1\n\nTrue\nTrue\n"));
    EXPECT_THAT(words, HasSubstr("STOPPING=1 0\n"));
}

TEST_F(LbdLife, CheckLoadsTheProgramAndTouchesNothing) {
    balancer().write("/run/lbd.yaml", with_checks_and_metrics());
    const std::string before = snapshot(balancer());
    const Output checked = balancer().run(CULVERT_LBD " run --check -c /run/lbd.yaml");
    EXPECT_EQ(checked.status, 0) << checked;
    EXPECT_EQ(checked.out, "/run/lbd.yaml: in order: 2 services, 2 backends\n");
    EXPECT_THAT(checked.err, HasSubstr("eth0: this host follows ICMP redirects"));
    EXPECT_EQ(snapshot(balancer()), before);
    balancer().must(
        "sysctl -qw net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.eth0.accept_redirects=0 "
        "net.ipv6.conf.eth0.accept_redirects=0");
    EXPECT_EQ(balancer().run(CULVERT_LBD " run --check -c /run/lbd.yaml").err, "") << "that was the cure";
    EXPECT_EQ(traces(), "");
}

TEST_F(LbdLife, CheckFindsWhatAStartWouldStumbleOver) {
    const auto check = [&] { return balancer().run(CULVERT_LBD " run --check -c /run/lbd.yaml"); };
    Balancer lbd(balancer(), with_checks_and_metrics());
    const Output beside = check();
    EXPECT_EQ(beside.status, 0) << beside;
    EXPECT_THAT(beside.err, testing::Not(HasSubstr("metrics are not served")));
    lbd.stop();
    const auto sh = [&](const std::string& command) {
        const Output output = balancer().run({"sh", "-ec", command});
        EXPECT_TRUE(output.ok()) << output;
    };
    const auto finds = [&](const std::string& harm, const std::string& words, const std::string& cure) {
        SCOPED_TRACE(harm);
        sh(harm);
        const Output found = check();
        EXPECT_EQ(found.status, 1) << found;
        EXPECT_THAT(found.err, HasSubstr(words));
        const Output refused = balancer().run(CULVERT_LBD " run -c /run/lbd.yaml");
        EXPECT_EQ(refused.status, 1) << refused;
        EXPECT_THAT(refused.err, HasSubstr(words));
        sh(cure);
        const Output in_order = check();
        EXPECT_EQ(in_order.status, 0) << in_order;
    };
    const std::string in_pins = "cd /sys/fs/bpf/culvert/lbd/*/; ";
    finds(in_pins + "ls -d *-? > /run/generation; mv *-? 1-1", "its maps have ABI version 1, ",
          in_pins + "mv 1-1 $(cat /run/generation)");
    for (const std::string file : {"/run/culvert/lbd/lbd.drained.json", "/run/culvert/lbd/lbd.offloads.json"})
        finds("echo '[{}]' > " + file, "read " + file + ": Invalid argument: ", "rm " + file);
    finds("ip tuntap add culvert-probe mode tun multi_queue", "create tun link culvert-probe: Device or resource busy",
          "ip link del culvert-probe");
    finds(in_pins + "cd *-?; rm dests; bpftool map create $PWD/dests type array key 4 value 8 entries 1 name other",
          "its values have 8 bytes, those of this version ", CULVERT_LBD " stop --detach");
    EXPECT_EQ(traces(), "");
}

TEST_F(LbdLife, ExitStatusAndWordsOfFailures) {
    const auto fails = [&](const std::string& command, int status, const std::string& words) {
        const Output output = balancer().run(std::string(CULVERT_LBD " ") + command);
        EXPECT_EQ(output.status, status) << command;
        EXPECT_EQ(output.err, words) << command;
        EXPECT_EQ(output.out, "") << command;
    };
    balancer().write("/run/bad.yaml", "interfaces: [eth0]\nservice: []\n");
    balancer().write("/run/lbd.yaml", config("eth7"));
    fails(
        "show", 1,
        "lbd: connect to lbd /run/culvert/lbd/lbd.sock: No such file or directory (is it running? lbd run -c FILE)\n");
    fails("show backend", 2, "lbd: there is no view \"backend\": did you mean backends?\n");
    fails("shwo", 2, "lbd: unknown command \"shwo\": did you mean show?\n");
    fails("run --check -c /run/lbd.yaml", 1,
          "lbd: balance on eth7: No such device (ip link lists the existing ones)\n");
    for (const std::string command : {"check", "run", "run --check"}) {
        const Output output = balancer().run(CULVERT_LBD " " + command + " -c /run/bad.yaml");
        EXPECT_EQ(output.status, 2);
        EXPECT_THAT(output.err, HasSubstr("/run/bad.yaml:2:1: "));
    }
}

}  // namespace
}  // namespace culvert::netns
