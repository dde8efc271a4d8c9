// SPDX-License-Identifier: Apache-2.0
//
// lbd as lbd.service runs it.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::HasSubstr;

constexpr std::string_view config = R"(
interfaces: [eth0]
flows: {entries: 64k}
services:
  - {name: web, vip: 192.0.2.1, ports: [80/tcp], encap: {type: l2}, health: {type: tcp},
     backends: [{address: 10.0.0.3}]}
)";

using LbdService = LbdTest;

// As an unprivileged user, with only the unit's capabilities.
TEST_F(LbdService, ItsPrivilegesAreEnough) {
    constexpr const char* as_service =
        "setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs "
        "--bounding-set=-all,+bpf,+net_admin,+net_raw,+perfmon"
        " --inh-caps=-all,+bpf,+net_admin,+net_raw,+perfmon "
        "--ambient-caps=-all,+bpf,+net_admin,+net_raw,+perfmon " CULVERT_LBD " run -c /run/lbd.yaml";
    const auto show = [&](const char* what) {
        return nlohmann::json::parse(balancer().must(fmt::format("{} show {} --json", CULVERT_LBD, what)));
    };
    const HttpServer web(backend(), "backend");
    balancer().must(
        "sh -ec 'modprobe -q tun || true; mkdir -p /dev/net; mount -t tmpfs tmpfs /dev/net; mknod -m 0666 /dev/net/tun "
        "c 10 200; mkdir -p /run/culvert/lbd "
        "/var/lib/culvert/lbd /sys/fs/bpf/culvert/lbd; chmod a+x /sys/fs/bpf;"
        " chown 65534:65534 /run/culvert/lbd /var/lib/culvert/lbd /sys/fs/bpf/culvert/lbd'");
    balancer().write("/run/lbd.yaml", config);
    for (const char* start : {"the first", "one that takes over"}) {
        SCOPED_TRACE(start);
        Process lbd = balancer().spawn(as_service);
        lbd.wait_for("balancing");
        EXPECT_TRUE(eventually([&] { return show("backends")[0]["health"] == "up"; })) << lbd.err() << show("backends");
        EXPECT_EQ(http_get(client(), vip4), "backend\n");
        EXPECT_EQ(balancer().must("stat -c '%a %u' /run/culvert/lbd/lbd.sock"), "600 65534\n");
        EXPECT_EQ(lbd.stop().status, 0);
    }

    const Process lbd = balancer().spawn(as_service);
    lbd.wait_for("balancing");
    balancer().ip("link add eth9 type veth peer name other9\nlink set eth9 up\nlink set other9 up\n");
    std::string wider(config);
    wider.replace(wider.find("[eth0]"), 6, "[eth0, eth9]").replace(wider.find("type: tcp"), 9, "type: icmp");
    balancer().write("/run/lbd.yaml", wider);
    balancer().must(CULVERT_LBD " reload");
    EXPECT_TRUE(eventually([&] {
        const auto interfaces = show("interfaces");
        return std::ranges::count_if(interfaces, [](const auto& one) { return one.contains("xdp"); }) == 2;
    })) << lbd.err();
    EXPECT_TRUE(eventually([&] { return show("backends")[0]["health"] == "up"; })) << lbd.err();
    EXPECT_EQ(http_get(client(), vip4), "backend\n");
    balancer().must(CULVERT_LBD " stop --detach");
    EXPECT_EQ(balancer().must("find /sys/fs/bpf/culvert/lbd -mindepth 1"), "");
}

TEST_F(LbdService, FeedsTheWatchdog) {
    constexpr const char* systemd = R"py(
import os, socket, subprocess, sys
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind("/run/notify")
notify.settimeout(20)
lbd = subprocess.Popen(["sh", "-c", 'WATCHDOG_PID=$$ exec "$0" "$@"', *sys.argv[1:]], stderr=subprocess.DEVNULL,
                       env={**os.environ, "NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "500000"})
while notify.recv(4096) != b"WATCHDOG=1":
    pass
print("fed")
lbd.terminate()
lbd.wait()
)py";
    balancer().write("/run/systemd.py", systemd);
    balancer().write("/run/lbd.yaml", config);
    EXPECT_EQ(balancer().must("python3 /run/systemd.py " CULVERT_LBD " run -c /run/lbd.yaml"), "fed\n");
}

}  // namespace
}  // namespace culvert::netns
