// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string config(std::string_view metrics) {
    return fmt::format(R"(
        interfaces: [eth0]
        flows: {{entries: 64k}}
        {}
        services:
          - {{name: web, vip: 192.0.2.1, ports: [80/tcp], encap: {{type: l2}}, backends: [{{address: 10.0.0.3}}]}}
        )",
                       metrics);
}

class LbdMetrics : public LbdTest {
  protected:
    std::string curl(const std::string& arguments) { return balancer().must("curl -sS -m 10 " + arguments); }
};

TEST_F(LbdMetrics, CountWhatWasForwardedAndDropped) {
    const HttpServer web(backend(), "backend");
    const Balancer lbd(balancer(), config(""));
    ASSERT_EQ(http_get(client(), vip4), "backend\n");

    const std::string text = curl("-i http://127.0.0.1:9477/metrics");
    EXPECT_THAT(text, HasSubstr("HTTP/1.1 200 OK"));
    EXPECT_THAT(text, HasSubstr("Content-Type: text/plain; version=0.0.4"));
    const auto backend = lbd.backend("10.0.0.3");
    EXPECT_GT(backend["packets"], 0);
    for (const char* name : {"packets", "bytes", "new_flows"})
        EXPECT_THAT(text, HasSubstr(fmt::format("\nlbd_backend_{}_total{{service=\"web\",backend=\"10.0.0.3\"}} {}\n",
                                                name, backend[name].dump())));
    EXPECT_THAT(text, HasSubstr("\nlbd_backend_reachable{service=\"web\",backend=\"10.0.0.3\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("\nlbd_interface_up{interface=\"eth0\",xdp=\"native\"} 1\n"));
}

TEST_F(LbdMetrics, AreAtOneUrlForReadingOnly) {
    const Balancer lbd(balancer(), config("metrics: \"[fd00::2]:9000\""));
    EXPECT_THAT(curl("-I http://[fd00::2]:9000/metrics"), HasSubstr("200 OK"));
    EXPECT_THAT(curl("-i http://[fd00::2]:9000/"), HasSubstr("404 Not Found"));
    EXPECT_THAT(curl("-i -d x=y http://[fd00::2]:9000/metrics"), HasSubstr("405 Method Not Allowed"));
    EXPECT_THAT(curl("-i http://[fd00::2]:9000/metrics?by=backend"), HasSubstr("400 Bad Request"));
    EXPECT_THAT(curl("-i 'http://[fd00::2]:9000/metrics?by=service&of=web'"), HasSubstr("400 Bad Request"));
    EXPECT_EQ(client().must("curl -sS -o /dev/null -w %{http_code} http://[fd00::2]:9000/metrics"), "200");
}

TEST_F(LbdMetrics, AddUpByService) {
    const Balancer lbd(balancer(), config(""));
    const std::string text = curl("http://127.0.0.1:9477/metrics?by=service");
    EXPECT_THAT(text, HasSubstr("\nlbd_service_backends{service=\"web\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("\nlbd_backend_reachable{service=\"web\"} 1\n"));
    EXPECT_THAT(text, Not(HasSubstr("backend=")));
}

// Sockets have small buffers, so most of the text is not yet written.
TEST_F(LbdMetrics, AreWrittenAsTheyAreReadBesidesAllElse) {
    constexpr int many = 300;
    balancer().must("sysctl -q net.ipv4.tcp_wmem='4096 4096 4096' net.ipv4.tcp_rmem='4096 4096 4096'");
    balancer().must("mkfifo /run/go_on");
    std::string services = config("");
    for (int i = 0; i < many; ++i)
        services += fmt::format(
            "  - {{name: s{0}, vip: 198.51.{1}.{2}, ports: [80/tcp], encap: {{type: l2}}, "
            "backends: [{{address: 10.0.0.3}}]}}\n        ",
            i, i / 250, i % 250);
    const Balancer lbd(balancer(), services);
    Process slow = balancer().spawn({"bash", "-c",
                                     "exec 3<>/dev/tcp/127.0.0.1/9477; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; "
                                     "head -c 300 <&3; cat /run/go_on; cat <&3"});
    slow.wait_for("200 OK");
    EXPECT_TRUE(lbd.reaches("10.0.0.3"));
    balancer().must("tee /run/go_on");
    const std::string text = slow.wait().out;
    for (int i = 0; i < many; ++i)
        EXPECT_THAT(text, HasSubstr(fmt::format("\nlbd_backend_packets_total{{service=\"s{}\",backend=", i)));
    EXPECT_THAT(text, HasSubstr("\nlbd_interface_up{"));
}

TEST_F(LbdMetrics, AreNotServedWhereNobodyWantsThem) {
    const Balancer lbd(balancer(), config("metrics: off"));
    EXPECT_EQ(balancer().must("ss -Hltn"), "");
}

// One client connects and sends nothing, one sends without end.
TEST_F(LbdMetrics, GoOnBesidesBadClients) {
    const Balancer lbd(balancer(), config(""));
    const Process silent = balancer().spawn("socat -u TCP:127.0.0.1:9477 -");
    const Process endless = balancer().spawn("socat -u OPEN:/dev/zero TCP:127.0.0.1:9477");
    EXPECT_TRUE(eventually([&] { return !endless.running(); }));
    EXPECT_THAT(curl("http://127.0.0.1:9477/metrics"), HasSubstr("lbd_build_info"));
    EXPECT_TRUE(lbd.reaches("10.0.0.3"));
}

// As many clients as may be connected send requests without end, a byte now and then, and four never read.
TEST_F(LbdMetrics, AreThereForOneMoreBesidesSlowClients) {
    balancer().must("sysctl -q net.ipv4.tcp_wmem='4096 4096 4096' net.ipv4.tcp_rmem='4096 4096 4096'");
    std::string services = config("");
    for (int i = 0; i < 200; ++i)
        services += fmt::format(
            "  - {{name: s{0}, vip: 198.51.100.{0}, ports: [80/tcp], encap: {{type: l2}}, "
            "backends: [{{address: 10.0.0.3}}]}}\n        ",
            i + 1);
    const Balancer lbd(balancer(), services);
    balancer().write("/run/slow.py", R"py(
import socket, time
def connect(words):
    s = socket.create_connection(("127.0.0.1", 9477))
    s.send(words)
    return s
readers = [connect(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(6)]
while True:
    askers = [connect(b"GET /metrics HTTP/1.1\r\nX: ") for _ in range(64)]
    print("asking", flush=True)
    for _ in range(40):
        time.sleep(0.5)
        for s in askers:
            try: s.send(b"a")
            except OSError: pass
)py");
    const Process slow = balancer().spawn("python3 /run/slow.py");
    slow.wait_for("asking");
    for (int i = 0; i < 10; ++i) EXPECT_THAT(curl("http://127.0.0.1:9477/metrics"), HasSubstr("lbd_build_info")) << i;
    EXPECT_TRUE(lbd.reaches("10.0.0.3"));
}

// As any local user can, one opens 300 connections at once, again and again, and sends nothing. Had there been no room
// for the scrape that follows, its next attempt to connect would have been a second later.
TEST_F(LbdMetrics, AnswerAtOnceAmidIdleConnections) {
    const Balancer lbd(balancer(), config(""));
    balancer().write("/run/idle.py", R"py(
import socket, time
longest = 0
for round in range(10):
    idle = [socket.socket() for _ in range(300)]
    for s in idle:
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", 9477))
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", 9477)) as scrape:
        scrape.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert b"200 OK" in scrape.recv(1000)
    longest = max(longest, time.monotonic() - start)
print(longest)
)py");
    EXPECT_LT(std::stod(balancer().must("python3 /run/idle.py")), is_emulated ? 10 : 1);
    EXPECT_TRUE(lbd.reaches("10.0.0.3"));
}

TEST_F(LbdMetrics, APortThatIsTakenStopsNoBalancing) {
    const Process other = balancer().spawn("socat TCP-LISTEN:9477,bind=127.0.0.1 STDOUT");
    ASSERT_TRUE(eventually([&] { return !balancer().must("ss -Hltn").empty(); }));
    const std::string words = "listen on 127.0.0.1:9477: Address already in use; metrics are not served";
    balancer().write("/run/lbd.yaml", config(""));
    const Output checked = balancer().run(CULVERT_LBD " run --check -c /run/lbd.yaml");
    EXPECT_EQ(checked.status, 0) << checked;
    EXPECT_THAT(checked.err, HasSubstr(words));
    const Balancer lbd(balancer(), config(""));
    EXPECT_THAT(lbd.log(), HasSubstr(words));
    EXPECT_TRUE(lbd.reaches("10.0.0.3"));
}

}  // namespace
}  // namespace culvert::netns
