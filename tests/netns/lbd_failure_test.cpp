// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/netns/checks.hpp"
#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

// Three backends and a sorry backend.
class LbdFailure : public LanTest {
  protected:
    void SetUp() override {
        LanTest::SetUp();
        if (IsSkipped()) return;
        client().ip("route add 192.0.2.1 via 10.0.0.2\n");
        for (const char* name : {"b4", "b5", "b6"}) {
            Host& host = hosts_.emplace_back(name);
            lan().connect({{host, "eth0", {fmt::format("10.0.0.{}/24", name + 1)}}});
            host.ip("addr add 192.0.2.1/32 dev lo\n");
            servers_.emplace_back(std::in_place, host, name);
        }
    }

    static std::string config(std::string_view more) {
        return head + fmt::format(
                          "  - name: web\n    vip: 192.0.2.1\n    ports: [80/tcp]\n    encap: {{type: l2}}\n"
                          "    health: {{type: tcp, {}, {}}}\n    backends:\n"
                          "      - {{name: b4, address: 10.0.0.4}}\n      - {{name: b5, address: 10.0.0.5}}\n"
                          "      - {{name: b6, address: 10.0.0.6, state: sorry}}\n",
                          often, more);
    }
    /// Of the new flows.
    static long percent(const Balancer& lbd, const std::string& name) {
        return std::lround(100 * lbd.backend(name)["share"].get<double>());
    }
    std::map<std::string, int> answers(int count) {
        std::map<std::string, int> counted;
        for (const std::string& answer : http_get_many(client(), vip4, count)) ++counted[answer];
        return counted;
    }

    std::deque<Host> hosts_;
    std::vector<std::optional<HttpServer>> servers_;
};

TEST_F(LbdFailure, OthersTakeOverThenTheSorryBackendAndConnectionsElsewhereStay) {
    const Balancer lbd(balancer(), config("slow_start: 10s"));
    for (const char* name : {"b4", "b5", "b6"}) ASSERT_TRUE(becomes(lbd, name, "up"));
    auto counted = answers(60);
    EXPECT_EQ(counted["b4"] + counted["b5"], 60);
    EXPECT_GT(counted["b4"], 5);
    EXPECT_GT(counted["b5"], 5);

    // Connections that stay open: each sends another request after b4 has failed.
    client().write("/run/stay.py", R"py(
import socket, sys
open_ones = []
for _ in range(40):
    s = socket.create_connection(("192.0.2.1", 80), timeout=10)
    s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    open_ones.append((s, s.recv(4096).split(b"\r\n\r\n")[1].strip().decode()))
print("open", flush=True)
sys.stdin.readline()
for s, name in open_ones:
    if name != "b5": continue
    s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert s.recv(4096).split(b"\r\n\r\n")[1].strip() == b"b5"
print("stayed", [name for _, name in open_ones].count("b5"))
)py");
    client().must("mkfifo /run/go");
    Process stay = client().spawn({"sh", "-c", "exec python3 /run/stay.py <> /run/go"});
    stay.wait_for("open");
    servers_[0].reset();
    ASSERT_TRUE(becomes(lbd, "b4", "down"));
    EXPECT_TRUE(eventually([&] { return lbd.backend("b5")["share"] == 1; }));
    EXPECT_EQ(answers(30)["b5"], 30);
    client().must("sh -c 'echo > /run/go'");
    const Output stayed = stay.wait();
    EXPECT_EQ(stayed.status, 0) << stayed;
    EXPECT_THAT(stayed.out, testing::ContainsRegex("stayed [1-9]"));

    // Its weight grows again, by a tenth at a time.
    servers_[0].emplace(hosts_[0], "b4");
    std::set<long> shares;
    EXPECT_TRUE(eventually([&] { return *shares.insert(percent(lbd, "b4")).first == 50; }));
    EXPECT_GT(shares.size(), 3U) << testing::PrintToString(shares);
    servers_[0].reset();
    ASSERT_TRUE(becomes(lbd, "b4", "down"));
    servers_[1].reset();
    ASSERT_TRUE(becomes(lbd, "b5", "down"));
    EXPECT_TRUE(eventually([&] { return lbd.backend("b6")["share"] == 1; }));
    EXPECT_EQ(answers(20)["b6"], 20);

    servers_[0].emplace(hosts_[0], "b4");
    servers_[1].emplace(hosts_[1], "b5");
    ASSERT_TRUE(becomes(lbd, "b4", "up"));
    EXPECT_TRUE(eventually([&] { return lbd.backend("b6")["share"] == 0; }));
}

// A resolver sends queries from one port, again and again. A connection with queries runs beside it.
TEST_F(LbdFailure, UdpLeavesTheSorryBackendAsSoonAsOthersAreBackAndConnectionsStay) {
    const std::string dns = head + fmt::format(
                                       "  - name: dns\n    vip: 192.0.2.1\n    ports: [53/udp, 53/tcp]\n"
                                       "    encap: {{type: l2}}\n    health: {{type: dns, name: host.example, {}}}\n"
                                       "    backends:\n"
                                       "      - {{name: b4, address: 10.0.0.4}}\n"
                                       "      - {{name: b5, address: 10.0.0.5}}\n"
                                       "      - {{name: b6, address: 10.0.0.6, state: sorry}}\n",
                                       often);
    std::vector<std::optional<DnsServer>> servers;
    for (const Host& host : hosts_) servers.emplace_back(std::in_place, host, host.name());
    client().write("/run/resolver.py", R"py(
import socket, struct, sys
def answer(reply): return [name for name in ("b4", "b5", "b6") if name.encode() in reply[-3:]][0]
def query(number):
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + b"\x06whoami\x07example\x00" + struct.pack("!2H", 16, 1)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.settimeout(2)
udp.connect(("192.0.2.1", 53))
tcp = socket.create_connection(("192.0.2.1", 53), timeout=20)
print("connected", flush=True)
for number, line in enumerate(sys.stdin, 1):
    udp.send(query(number))
    tcp.sendall(struct.pack("!H", len(query(number))) + query(number))
    reply = tcp.recv(4096)
    while len(reply) < 2 or len(reply) < 2 + struct.unpack("!H", reply[:2])[0]: reply += tcp.recv(4096)
    print(line.strip(), "udp", answer(udp.recv(4096)), "tcp", answer(reply), flush=True)
)py");
    std::optional<Balancer> lbd(std::in_place, balancer(), dns);
    for (const char* name : {"b4", "b5", "b6"}) ASSERT_TRUE(becomes(*lbd, name, "up"));
    for (const std::size_t one : {0U, 1U}) servers[one].reset();
    for (const char* name : {"b4", "b5"}) ASSERT_TRUE(becomes(*lbd, name, "down"));
    EXPECT_TRUE(eventually([&] { return lbd->backend("b6")["share"] == 1; }));

    client().must("mkfifo /run/ask");
    Process resolver = client().spawn({"sh", "-c", "exec python3 /run/resolver.py <> /run/ask"});
    resolver.wait_for("connected");
    const auto asked = [&](const std::string& when) {
        client().must(fmt::format("sh -c 'echo {} > /run/ask'", when));
        resolver.wait_for(when + " udp b");
        resolver.wait_for("tcp b");
        const std::string out = resolver.out();
        return out.substr(out.rfind(when));
    };
    EXPECT_EQ(asked("down"), "down udp b6 tcp b6\n");
    lbd->stop(SIGKILL);
    lbd.emplace(balancer(), dns);
    EXPECT_EQ(asked("restarted"), "restarted udp b6 tcp b6\n");

    servers[0].emplace(hosts_[0], "b4");
    ASSERT_TRUE(becomes(*lbd, "b4", "up"));
    EXPECT_TRUE(eventually([&] { return lbd->backend("b6")["share"] == 0; }));
    EXPECT_EQ(asked("back"), "back udp b4 tcp b6\n");
    lbd->stop();
    lbd.emplace(balancer(), dns);
    servers[1].emplace(hosts_[1], "b5");
    ASSERT_TRUE(becomes(*lbd, "b5", "up"));
    EXPECT_EQ(asked("both"), "both udp b4 tcp b6\n") << "it stays with its new backend";

    // The same if somebody drains all others, and the sorry backend later.
    balancer().must(CULVERT_LBD " drain b4");
    EXPECT_EQ(asked("drained"), "drained udp b4 tcp b6\n");
    balancer().must(CULVERT_LBD " drain b5");
    EXPECT_EQ(dns_whoami(client(), vip4), "b6");
    const std::string same_port = "dig +short -b 10.0.0.1#4053 @192.0.2.1 whoami.example TXT";
    EXPECT_EQ(client().must(same_port), "\"b6\"\n");
    balancer().must(CULVERT_LBD " drain b6");
    EXPECT_EQ(client().must(same_port), "\"b6\"\n");
    EXPECT_EQ(lbd->backend("b6")["state"], "drain");
    balancer().must(CULVERT_LBD " undrain b5");
    EXPECT_EQ(client().must(same_port), "\"b5\"\n");
}

// One of two backends is dead, and refuses connections.
TEST_F(LbdFailure, WhatIsKnownToBeDownStaysSoOverRestartsAndReloads) {
    constexpr const char* service =
        "  - name: {}\n    vip: 192.0.2.1\n    ports: [80/tcp]\n    encap: {{type: l2}}\n"
        "    health: {{{}}}\n    backends:\n"
        "      - {{name: {}, address: 10.0.0.4}}\n      - {{name: b5, address: 10.0.0.5}}\n";
    const auto config = [&](const char* name, const char* health, const char* backend) {
        return head + fmt::format(service, name, health, backend);
    };
    const std::array changes{
        config("web", "type: tcp, interval: 20s, timeout: 1s, rise: 2, fall: 3", "b4"),
        config("web", "type: tcp, interval: 30s, timeout: 2s, rise: 3, fall: 2", "b4"),
        config("web", "type: http, interval: 20s, timeout: 2s, rise: 3, fall: 2", "b4"),
        config("web", "type: http, path: /, port: 80, interval: 20s, timeout: 2s, on_failure: keep", "b4"),
        config("www", "type: http, interval: 20s, timeout: 2s", "b4"),
        config("www", "type: tcp, interval: 20s, timeout: 2s", "first"),
    };
    std::optional<Balancer> lbd(std::in_place, balancer(), changes[0]);
    ASSERT_TRUE(becomes(*lbd, "b5", "up"));
    servers_[0].reset();
    lbd->reload(config("web", "type: tcp, interval: 1s, timeout: 1s, rise: 2, fall: 1", "b4"));
    ASSERT_TRUE(becomes(*lbd, "b4", "down", "connection refused"));

    client().write("/run/connect.py", R"py(
import os, socket, time
made = refused = 0
while made < 2000 or not os.path.exists("/run/enough"):
    try: socket.create_connection(("192.0.2.1", 80), timeout=10).close()
    except ConnectionRefusedError: refused += 1
    made += 1
    if made == 10: print("connecting", flush=True)
    time.sleep(0.002)
print(refused, "refused of", "enough" if made >= 2000 else made)
)py");
    Process clients = client().spawn("python3 /run/connect.py");
    clients.wait_for("connecting");
    const int rounds = std::getenv("CULVERT_VM") == nullptr ? 20 : 4;
    for (int round = 0; round < rounds; ++round) {
        const auto& next = changes.at(static_cast<std::size_t>(round) % changes.size());
        const std::string name = next.find("first") == std::string::npos ? "b4" : "first";
        lbd->reload(next);
        EXPECT_EQ(lbd->backend(name)["health"], "down") << next;
        if (round % 2 == 0)
            EXPECT_EQ(lbd->stop().status, 0);
        else
            lbd->stop(SIGKILL);
        lbd.emplace(balancer(), next);
        const auto backend = lbd->backend(name);
        EXPECT_EQ(backend["health"], "down") << next << lbd->log();
        EXPECT_EQ(backend["share"], 0) << next;
    }
    client().write("/run/enough", "");
    EXPECT_EQ(clients.wait(Milliseconds{120'000}).out, "connecting\n0 refused of enough\n");

    // Its first answer brings it back, however long the interval.
    servers_[0].emplace(hosts_[0], "b4");
    lbd->stop();
    lbd.emplace(balancer(), changes[0]);
    EXPECT_TRUE(becomes(*lbd, "b4", "up"));
    EXPECT_EQ(lbd->backend("b4").value("health_reason", ""), "");

    // --detach also forgets what was down.
    servers_[0].reset();
    lbd->reload(config("web", "type: tcp, interval: 1s, timeout: 1s, rise: 2, fall: 1", "b4"));
    ASSERT_TRUE(becomes(*lbd, "b4", "down"));
    balancer().must(CULVERT_LBD " stop --detach");
    lbd->wait();
    lbd.emplace(balancer(), head + fmt::format(service, "web", "type: icmp, interval: 20s", "b4"));
    EXPECT_NE(lbd->backend("b4")["health"], "down");
}

}  // namespace
}  // namespace culvert::netns
