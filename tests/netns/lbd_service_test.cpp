// SPDX-License-Identifier: Apache-2.0
//
// lbd as lbd.service runs it.
#include <gmock/gmock.h>

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

TEST_F(LbdService, ItsCapabilitiesAreEnough) {
    const HttpServer web(backend(), "backend");
    balancer().write("/run/lbd.yaml", config);
    const Process lbd = balancer().spawn(
        "setpriv --bounding-set=-all,+bpf,+net_admin,+net_raw,+perfmon --inh-caps=-all --no-new-privs " CULVERT_LBD
        " run -c /run/lbd.yaml");
    lbd.wait_for("balancing");
    EXPECT_EQ(http_get(client(), vip4), "backend\n");
    EXPECT_TRUE(eventually([&] {
        return nlohmann::json::parse(balancer().must(CULVERT_LBD " show backends --json"))[0]["health"] == "up";
    }));
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
