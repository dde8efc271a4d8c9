// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <vector>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

//   LbdTest's hosts, and backends 10.0.0.4 to 10.0.0.6
class LbdBalance : public LbdTest {
  protected:
    void SetUp() override {
        LbdTest::SetUp();
        if (IsSkipped()) return;
        for (int i = 4; i <= 6; ++i) {
            hosts_.push_back(std::make_unique<Host>(fmt::format("b{}", i)));
            lan().connect({{*hosts_.back(), "eth0", {fmt::format("10.0.0.{}/24", i)}}});
            hosts_.back()->ip("addr add 192.0.2.1/32 dev lo\n");
            servers_.push_back(std::make_unique<HttpServer>(*hosts_.back(), fmt::format("b{}", i)));
        }
    }

    const std::vector<std::unique_ptr<Host>>& hosts() { return hosts_; }

  private:
    std::vector<std::unique_ptr<Host>> hosts_;
    std::vector<std::unique_ptr<HttpServer>> servers_;
};

TEST_F(LbdBalance, NewFlowsFollowTheWeights) {
    const Balancer lbd(balancer(), R"(
        interfaces: [eth0]
        flows: {entries: 64k}
        services:
          - name: web
            vip: 192.0.2.1
            ports: [80/tcp]
            encap: {type: l2}
            backends:
              - {name: light, address: 10.0.0.4}
              - {name: heavy, address: 10.0.0.5, weight: 3}
              - {name: idle, address: 10.0.0.6, weight: 0}
              - {name: drained, address: 10.0.0.3, state: drain}
        )");
    EXPECT_NEAR(lbd.backend("light")["share"].get<double>(), 0.25, 0.001);
    EXPECT_NEAR(lbd.backend("heavy")["share"].get<double>(), 0.75, 0.001);
    EXPECT_EQ(lbd.backend("idle")["share"], 0);
    EXPECT_EQ(lbd.backend("drained")["share"], 0);

    const auto answers = http_get_many(client(), vip4, 200);
    EXPECT_EQ(answers.size(), 200);
    EXPECT_NEAR(static_cast<double>(std::ranges::count(answers, "b4")), 50, 30);  // 5 standard deviations
    EXPECT_NEAR(static_cast<double>(std::ranges::count(answers, "b5")), 150, 30);

    const auto light = lbd.backend("light"), heavy = lbd.backend("heavy");
    EXPECT_EQ(light["new_flows"], std::ranges::count(answers, "b4"));
    EXPECT_EQ(heavy["new_flows"], std::ranges::count(answers, "b5"));
    EXPECT_EQ(light["live_flows"].get<int>() + light["closing_flows"].get<int>(), light["new_flows"]);
    EXPECT_EQ(lbd.backend("idle")["packets"], 0);
}

TEST_F(LbdBalance, AThousandClientsSpreadByTheWeightsAndStayIfSticky) {
    client().ip("route add local 10.4.0.0/16 dev lo\n");
    balancer().ip("route add 10.4.0.0/16 via 10.0.0.1\n");
    for (const auto& host : hosts()) host->ip("route add 10.4.0.0/16 via 10.0.0.1\n");
    client().write("/run/clients.py", R"py(
import collections, socket
def ask(client):
    with socket.create_connection(("192.0.2.1", 80), 15, (f"10.4.{client // 250}.{client % 250 + 1}", 0)) as server:
        server.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return b"".join(iter(lambda: server.recv(4096), b"")).split()[-1].decode()
rounds = [[ask(client) for client in range(1000)] for _ in range(2)]
print(rounds[0].count("b4"), rounds[0].count("b5"), sum(one == other for one, other in zip(*rounds)))
)py");
    for (const bool sticky : {false, true}) {
        const Balancer lbd(balancer(), fmt::format(R"(
            interfaces: [eth0]
            flows: {{entries: 64k}}
            services:
              - name: web
                vip: 192.0.2.1
                ports: [80/tcp]
                sticky: {}
                encap: {{type: l2}}
                backends: [{{address: 10.0.0.4}}, {{address: 10.0.0.5, weight: 3}}]
            )",
                                                   sticky));
        std::istringstream answers(client().must("python3 /run/clients.py", {}, Milliseconds{120'000}));
        int light = 0, heavy = 0, same = 0;
        answers >> light >> heavy >> same;
        EXPECT_EQ(light + heavy, 1000);
        EXPECT_NEAR(light, 250, 68);  // 5 standard deviations
        if (sticky)
            EXPECT_EQ(same, 1000);
        else
            EXPECT_NEAR(same, 625, 77);  // ¼² + ¾²
    }
}

TEST_F(LbdBalance, FlowsAreForgottenWhenIdle) {
    const Balancer lbd(balancer(), R"(
        interfaces: [eth0]
        flows: {entries: 64k}
        services:
          - {name: long, vip: 192.0.2.1, ports: [53/udp], encap: {type: l2}, backends: [{address: 10.0.0.4}]}
          - {name: web, vip: 192.0.2.1, ports: [80/tcp], idle: 1s, encap: {type: l2}, backends: [{address: 10.0.0.5}]}
        )");
    client().must("bash -c 'echo > /dev/udp/192.0.2.1/53'");
    EXPECT_EQ(http_get_many(client(), vip4, 10).size(), 10);
    EXPECT_TRUE(eventually([&] { return lbd.show("flows")["used"] == 1; }));
    EXPECT_EQ(lbd.backend("10.0.0.5")["new_flows"], 10);
}

TEST_F(LbdBalance, DrainedBackendsKeepWhatTheyHave) {
    const std::string config = R"(
        interfaces: [eth0]
        flows: {entries: 64k}
        services:
          - name: web
            vip: 192.0.2.1
            ports: [80/tcp, 8080/tcp]
            encap: {type: l2}
            backends: [{address: 10.0.0.4}, {address: 10.0.0.5}]
        )";
    // Only b4 has it. It continues to send for seconds after the client's last byte.
    hosts()[0]->write("/run/slow.py", R"py(
import socket, time
with socket.create_server(("192.0.2.1", 8080)) as server:
    print("listening", flush=True)
    connection = server.accept()[0]
    while connection.recv(1000): pass
    for _ in range(20):
        connection.sendall(bytes(100))
        time.sleep(0.2)
)py");
    client().write("/run/half_closed.py", R"py(
import socket
while True:
    try: connection = socket.create_connection(("192.0.2.1", 8080))
    except ConnectionRefusedError: continue
    break
connection.shutdown(socket.SHUT_WR)
print("half-closed", flush=True)
print(len(b"".join(iter(lambda: connection.recv(4096), b""))), "bytes", flush=True)
)py");
    client().write("/run/clients.py", R"py(
import signal, socket, struct, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
connections = [socket.create_connection(("192.0.2.1", 80)) for _ in range(16)]
print("open", flush=True)
signal.sigwait([signal.SIGUSR1])
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
RST = 4
for connection in connections:
    port = connection.getsockname()[1]
    raw.sendto(struct.pack("!HHIIBBHHH", port, 80, 7, 0, 0x50, RST, 0, 0, 0), ("192.0.2.1", 0))
print("reset by others", flush=True)
time.sleep(60)
)py");
    std::optional<Balancer> lbd;
    lbd.emplace(balancer(), config);
    const auto live = [&] { return lbd->backend("10.0.0.4")["live_flows"].get<int>(); };
    Process slow = hosts()[0]->spawn("python3 /run/slow.py");
    slow.wait_for("listening");
    std::optional<Process> clients = client().spawn("python3 /run/clients.py");
    clients->wait_for("open");
    const int before = live();
    ASSERT_GT(before, 0);
    ::kill(clients->pid(), SIGUSR1);
    clients->wait_for("reset by others");
    EXPECT_EQ(live(), before) << "a RST with any sequence number ends no flow";

    balancer().must(CULVERT_LBD " drain 10.0.0.4");
    lbd->reload(config);
    EXPECT_EQ(lbd->stop().status, 0);
    lbd.emplace(balancer(), config);
    EXPECT_EQ(lbd->backend("10.0.0.4")["state"], "drain");
    EXPECT_THAT(http_get_many(client(), vip4, 10), testing::AllOf(testing::SizeIs(10), testing::Each("b5")));
    EXPECT_EQ(live(), before);
    const Output waited = balancer().run(CULVERT_LBD " drain 10.0.0.4 --for 0.1");
    EXPECT_EQ(waited.status, 1);
    EXPECT_THAT(waited.err, testing::HasSubstr(fmt::format("{} live flows are left", before)));

    clients.reset();
    balancer().must(CULVERT_LBD " undrain 10.0.0.4");
    Process half_closed = client().spawn("python3 /run/half_closed.py");
    half_closed.wait_for("half-closed");
    balancer().must(CULVERT_LBD " drain 10.0.0.4 --wait", {}, Milliseconds{120'000});
    EXPECT_THAT(half_closed.out(), testing::HasSubstr("2000 bytes")) << "it still received";
    EXPECT_EQ(live(), 0);
    balancer().must(CULVERT_LBD " undrain 10.0.0.4");
    EXPECT_EQ(lbd->backend("10.0.0.4")["state"], "active");
    EXPECT_EQ(balancer().run(CULVERT_LBD " undrain 10.0.0.4").status, 1);
    EXPECT_EQ(balancer().run(CULVERT_LBD " drain 10.0.0.44").status, 2);
}

// Other names for the service and its backends change nothing for clients and drains.
TEST_F(LbdBalance, RenamedBackendsKeepWhatTheyHave) {
    const auto config = [](std::string_view service, std::string_view b4, std::string_view b5, int weight) {
        return fmt::format(
            "interfaces: [eth0]\nflows: {{entries: 64k}}\nservices:\n"
            "  - {{name: {}, vip: 192.0.2.1, ports: [80/tcp], encap: {{type: l2}}, backends: ["
            "{{name: {}, address: 10.0.0.4, weight: {}}}, {{name: {}, address: 10.0.0.5}}, {{address: 10.0.0.6}}]}}\n",
            service, b4, weight, b5);
    };
    client().write("/run/clients.py", R"py(
import http.client, sys
connections = [http.client.HTTPConnection("192.0.2.1", timeout=30) for _ in range(40)]
def ask(connection):
    connection.request("GET", "/")
    return connection.getresponse().read()
before = [ask(one) for one in connections]
for one in connections: one.auto_open = 0  # an error instead of another connection
print("open", file=sys.stderr, flush=True)
for line in sys.stdin:
    answers = [ask(one) for one in connections]
    print(line.strip(), "kept" if answers == before else "broken", file=sys.stderr, flush=True)
)py");
    Balancer lbd(balancer(), config("web", "r1", "r2", 1));
    Process clients = client().spawn("sh -c 'mkfifo /run/steps; exec python3 /run/clients.py <>/run/steps'");
    clients.wait_for("open");
    Process waiting = balancer().spawn(CULVERT_LBD " drain r1 --wait");
    waiting.wait_for("live flows");
    const auto expect_kept = [&](std::string_view service, std::string_view b4, std::string_view b5, int weight,
                                 const std::string& drained) {
        lbd.reload(config(service, b4, b5, weight));
        for (const auto& backend : lbd.show("backends"))
            EXPECT_EQ(backend["state"], backend["name"] == drained ? "drain" : "active") << backend;
        EXPECT_EQ(lbd.backend(drained)["address"], "10.0.0.4");
        EXPECT_GT(lbd.backend(drained)["live_flows"], 0);
        const std::string step = fmt::format("{}-{}-{}-{}", service, b4, b5, weight);
        client().must(fmt::format("sh -c 'echo {} > /run/steps'", step));
        clients.wait_for(step);
        EXPECT_THAT(clients.err(), testing::HasSubstr(step + " kept"));
        EXPECT_THAT(http_get_many(client(), vip4, 20), testing::Each(testing::Ne("b4")));
        EXPECT_THAT(balancer().must("cat /run/culvert/lbd/lbd.drained.json"),
                    testing::HasSubstr(fmt::format("\"{}\"", drained)));
    };
    expect_kept("web", "r1-a", "r2", 1, "r1-a");
    expect_kept("web", "r2", "r1-a", 1, "r2");  // exchanged
    expect_kept("web", "r3", "r1-a", 7, "r3");
    expect_kept("www", "r3", "r1-a", 7, "r3");
    expect_kept("shop", "r1", "r4", 1, "r1");
    EXPECT_EQ(lbd.said("www: r3 is drained, as r3 of web was"), 1U);
    EXPECT_TRUE(waiting.running()) << "it looks twice a second, under whatever name";
    // What has gone is drained no more, and the log says so.
    lbd.reload(
        "interfaces: [eth0]\nflows: {entries: 64k}\nservices:\n"
        "  - {name: shop, vip: 192.0.2.1, ports: [80/tcp], encap: {type: l2}, backends: [{address: 10.0.0.6}]}\n");
    EXPECT_EQ(lbd.said("shop: r1 is no longer in the configuration"), 1U);
    EXPECT_EQ(waiting.wait().status, 0);
    EXPECT_FALSE(balancer().run("test -e /run/culvert/lbd/lbd.drained.json").ok());
}

TEST_F(LbdBalance, AllPortsAndOthers) {
    const Balancer lbd(balancer(), R"(
        interfaces: [eth0]
        flows: {entries: 64k}
        services:
          - {name: all, vip: 192.0.2.1, ports: any, encap: {type: l2}, backends: [{address: 10.0.0.4}]}
          - {name: one, vip: 192.0.2.2, ports: [80/tcp], encap: {type: l2}, backends: [{address: 10.0.0.5}]}
        )");
    client().ip("route add 192.0.2.2 via 10.0.0.2\n");
    EXPECT_EQ(http_get(client(), "192.0.2.1"), "b4\n");
    EXPECT_FALSE(client().run("curl -s --max-time 1 http://192.0.2.1:81/").ok());
    EXPECT_FALSE(client().run("curl -s --max-time 1 http://192.0.2.2:81/").ok());
    EXPECT_GE(lbd.show("services")[0]["packets"], 5);
    EXPECT_EQ(lbd.show("services")[1]["packets"], 0);
}

}  // namespace
}  // namespace culvert::netns
