// SPDX-License-Identifier: Apache-2.0
//
// lbd plan says what becomes of connections. Then that is done, and counted by clients and servers.
#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/netns/echo.hpp"
#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr int balancers = 3;
constexpr int backends = 4;
constexpr int connections = 300;

/// TCP connections to port 7 of 192.0.2.1 that say something only when they are told to.
class Connections {
  public:
    explicit Connections(const Host& client) : client_(client), process_(start(client)) {}

    /// Each says something, until it is answered or reset. By port: who has answered, or "" if it is broken.
    std::map<int, std::string> ask() {
        ++rounds_;
        ::kill(process_.pid(), SIGUSR1);
        process_.wait_for(fmt::format("round {} is over", rounds_));
        std::map<int, std::string> answers;
        const json written = json::parse(client_.read("/run/answers"));
        for (const auto& [port, server] : written.items()) answers[std::stoi(port)] = server;
        return answers;
    }

  private:
    static Process start(const Host& client) {
        client.write("/run/hold.py", R"py(
import json, selectors, signal, socket, sys
count, ready, answers, asked, rounds = int(sys.argv[1]), selectors.DefaultSelector(), {}, 0, 0
def ask(*_):
    global asked
    asked += 1
signal.signal(signal.SIGUSR1, ask)
flows = {}
for _ in range(count):
    flow = socket.create_connection(("192.0.2.1", 7))
    flows[flow.getsockname()[1]] = flow
print("connected", file=sys.stderr, flush=True)
while True:
    while rounds == asked: signal.sigtimedwait([], 0.1)
    waiting = {}
    for port, flow in flows.items():
        if answers.get(port) == "": continue
        try:
            flow.send(b"x\n")
            waiting[port] = flow
            ready.register(flow, selectors.EVENT_READ, port)
        except OSError: answers[port] = ""
    while waiting:
        for key, _ in ready.select():
            try: answers[key.data] = key.fileobj.recv(100).split()[0].decode()
            except OSError: answers[key.data] = ""
            ready.unregister(key.fileobj)
            del waiting[key.data]
    rounds += 1
    with open("/run/answers", "w") as file: json.dump(answers, file)
    print(f"round {rounds} is over", file=sys.stderr, flush=True)
)py");
        Process process = client.spawn(fmt::format("python3 /run/hold.py {}", connections));
        process.wait_for("connected");
        return process;
    }

    const Host& client_;
    Process process_;
    int rounds_ = 0;
};

std::map<std::string, int> by_server(const std::map<int, std::string>& answers) {
    std::map<std::string, int> count;
    for (const auto& [port, server] : answers) ++count[server];
    return count;
}

/// Of connections that were asked twice.
int moved_or_broken(const std::map<int, std::string>& before, const std::map<int, std::string>& after) {
    int count = 0;
    for (const auto& [port, server] : before) count += after.at(port) == server ? 0 : 1;
    return count;
}

/// What a plan must leave as it is.
json state_of(const Host& host, const Balancer& lbd) {
    json state{host.must("ip -d link"), host.must("ss -Htln"), host.must("ls -R /sys/fs/bpf /run/culvert"),
               lbd.show("services"), lbd.said("reload")};
    for (const json& neighbour : lbd.show("neighbours")) state.push_back(neighbour["address"]);
    return state;
}

//   client ── router ── switch ─┬─ three balancers, 10.0.0.11 and so on, and one that is on no way: 10.0.0.19
//  10.1.0.1   10.0.0.254        └─ four backends, 10.0.0.3 and so on
class LbdPlan : public NetnsTest {
  protected:
    void SetUp() override {
        NetnsTest::SetUp();
        if (IsSkipped()) return;
        lan_.emplace();
        client_.emplace("client");
        router_.emplace("router");
        connect({*client_, "eth0", {"10.1.0.1/24"}}, {*router_, "eth1", {"10.1.0.254/24"}});
        lan_->connect({{*router_, "eth0", {"10.0.0.254/24"}}});
        client_->ip("link set eth0 mtu 1400\nroute add default via 10.1.0.254\n");
        router_->set_sysctl("net.ipv4.ip_forward", "1");
        router_->set_sysctl("net.ipv4.fib_multipath_hash_policy", "1");  // by ports, too
        for (int i = 0; i < balancers; ++i) add_host(address(i));
        add_host("10.0.0.19");
        router_->ip(
            "nexthop add id 1 via 10.0.0.11 dev eth0\nnexthop add id 2 via 10.0.0.12 dev eth0\n"
            "nexthop add id 3 via 10.0.0.13 dev eth0\nnexthop add id 10 group 1/2/3\nroute add 192.0.2.1 nhid 10\n");
        for (int i = 0; i < backends; ++i) {
            backends_.push_back(std::make_unique<Host>(fmt::format("b{}", i)));
            lan_->connect({{*backends_.back(), "eth0", {fmt::format("10.0.0.{}/24", 3 + i)}}});
            backends_.back()->ip("addr add 192.0.2.1/32 dev lo\nroute add default via 10.0.0.254\n");
            servers_.push_back(echo_server(*backends_.back()));
        }
    }

    /// Without peers.
    static std::string alone(const std::vector<int>& weights) { return config(weights, ""); }
    /// Weights of b0 and so on; 0: it is not there.
    static std::string config(const std::vector<int>& weights,
                              const std::string& peers = ", peers: [10.0.0.11, 10.0.0.12, 10.0.0.13]") {
        std::string text = fmt::format(R"(
interfaces: [eth0]
flows: {{entries: 64k, idle: 1h}}
cluster: {{key_file: /run/cluster.key{}}}
defaults: {{encap: {{type: l2}}}}
services:
  - name: echo
    vip: 192.0.2.1
    ports: [7/tcp, 9/tcp]
    backends:
)",
                                       peers);
        for (std::size_t i = 0; i < weights.size(); ++i)
            if (weights[i] != 0)
                text += fmt::format("      - {{name: b{}, address: 10.0.0.{}, weight: {}}}\n", i, 3 + i, weights[i]);
        return text;
    }

    void start(const std::vector<int>& weights) {
        for (std::size_t i = 0; i < balancers; ++i)
            lbds_.push_back(std::make_unique<Balancer>(*hosts_[i], config(weights)));
        ASSERT_TRUE(eventually([&] { return agree(); }));
    }
    /// All are connected, and have the same tables.
    bool agree() {
        for (const auto& lbd : lbds_) {
            const json shown = lbd->show("cluster");
            if (shown["waiting"] != 0) return false;
            for (const json& peer : shown["peers"])
                if (peer["state"] != "up" || peer["disagreements"] != 0) return false;
        }
        return true;
    }
    void reload(const std::string& text) {
        for (const auto& lbd : lbds_) lbd->reload(text);
        ASSERT_TRUE(eventually([&] { return agree(); }));
    }

    /// What the first balancer says. It does not answer if something has changed while it asked the others.
    Output plan(const std::string& text, const std::string& options = "") {
        hosts_[0]->write("/run/next.yaml", text);
        Output output;
        EXPECT_TRUE(eventually([&] {
            output = hosts_[0]->run(CULVERT_LBD " plan -c /run/next.yaml " + options);
            return count(output.err, "has changed meanwhile: try again") == 0;
        })) << output;
        return output;
    }
    json forecast(const std::string& text) {
        const Output output = plan(text, "--json");
        EXPECT_EQ(output.status, 3) << output;
        return json::parse(output.out);
    }
    /// The sum over all balancers.
    static int sum(const json& forecast, const std::string& key) {
        int sum = forecast["services"].at(0).at(key);
        for (const json& peer : forecast["peers"]) {
            EXPECT_FALSE(peer.contains("missing")) << peer;
            if (peer.contains("services")) sum += peer["services"].at(0).value(key, -1'000'000);
        }
        return sum;
    }

    /// Where new connections of the same client and ports would go, as a balancer says that knows none.
    std::map<int, std::string> by_table(const std::map<int, std::string>& answers, const std::string& text) {
        const Host& oracle = *hosts_[balancers];
        const Balancer lbd(oracle, text);
        oracle.write("/run/packets.py", R"py(
import socket, struct, sys
def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
source, vip = socket.inet_aton("10.1.0.1"), socket.inet_aton("192.0.2.1")
with open("/run/packets.pcap", "wb") as file:
    file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
    for port in sys.argv[1:]:
        head = struct.pack(">BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0) + source + vip
        head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        packet = head + struct.pack(">HHIIBBHHH", int(port), 7, 1, 0, 0x50, 2, 65535, 0, 0)
        file.write(struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)
)py");
        std::string ports;
        for (const auto& [port, server] : answers) ports += " " + std::to_string(port);
        oracle.must("python3 /run/packets.py" + ports);
        const json explained = json::parse(oracle.must(CULVERT_LBD " explain --pcap /run/packets.pcap --json"));
        EXPECT_EQ(explained.size(), answers.size());
        std::map<int, std::string> chosen;
        int index = 0;
        for (const auto& [port, server] : answers) chosen[port] = explained[index++]["backend"]["name"];
        return chosen;
    }

    void route_to_first() { router_->ip("nexthop replace id 10 group 1\n"); }

    const Host& host(std::size_t i) { return *hosts_[i]; }
    Balancer& lbd(std::size_t i) { return *lbds_[i]; }
    const Host& client() { return *client_; }
    static std::string address(int balancer) { return fmt::format("10.0.0.{}", 11 + balancer); }

  private:
    void add_host(const std::string& address) {
        hosts_.push_back(std::make_unique<Host>(fmt::format("lb{}", hosts_.size())));
        lan_->connect({{*hosts_.back(), "eth0", {address + "/24"}}});
        hosts_.back()->write("/run/cluster.key", std::string(64, '1') + "\n");
        hosts_.back()->must("chmod 600 /run/cluster.key");
    }

    std::optional<Switch> lan_;
    std::optional<Host> client_, router_;
    std::vector<std::unique_ptr<Host>> hosts_, backends_;
    std::vector<Process> servers_;
    std::vector<std::unique_ptr<Balancer>> lbds_;
};

TEST_F(LbdPlan, WhatItPredictsIsWhatHappens) {
    start({1, 1, 1});
    Connections flows(client());
    const auto before = flows.ask();
    ASSERT_EQ(before.size(), std::size_t{connections});
    ASSERT_EQ(by_server(before).count(""), 0U);

    const Output same = plan(config({1, 1, 1}));
    EXPECT_EQ(same.status, 0) << same;
    EXPECT_EQ(same.out, "nothing to change\n");
    EXPECT_EQ(host(0).run(CULVERT_LBD " plan").status, 0) << "the daemon's own file";

    // Backends come, weights change, backends go: each time from the state that the last step has left, in which some
    // connections are elsewhere than the table says. Those that break last, as balancers see nothing of their end.
    auto table = by_table(before, alone({1, 1, 1}));
    EXPECT_EQ(before, table);
    const std::vector<std::vector<int>> steps{{1, 1, 1, 1}, {1, 1, 3, 1}, {1, 1, 3}, {0, 1, 3, 2}};
    for (const auto& next : steps) {
        SCOPED_TRACE(config(next));
        const json expected = forecast(config(next));
        const auto next_table = by_table(before, alone(next));
        int moves = 0, stays = 0;
        for (const auto& [port, server] : before) {
            const auto backend = static_cast<std::size_t>(server.at(1) - '0');
            const bool is_lost = backend >= next.size() || next[backend] == 0;
            moves += is_lost ? 1 : 0;
            stays += !is_lost && table.at(port) != next_table.at(port) ? 1 : 0;
        }
        EXPECT_GT(stays, 0);
        EXPECT_EQ(sum(expected, "live_flows"), static_cast<int>(before.size())) << expected;
        EXPECT_EQ(sum(expected, "stay"), stays) << expected;
        EXPECT_EQ(sum(expected, "move"), moves) << expected;
        EXPECT_EQ(expected["services"][0]["flows_estimated"], false);

        reload(config(next));
        EXPECT_EQ(moved_or_broken(before, flows.ask()), moves);
        table = next_table;
    }
}

TEST_F(LbdPlan, NothingChanges) {
    const Balancer lbd(host(0), alone({1, 1}));
    const json before = state_of(host(0), lbd);
    const std::string next = "metrics: 127.0.0.1:9999\n" + alone({1, 1, 1, 1}) + "    health: {type: tcp}\n";
    EXPECT_EQ(plan(next).status, 3);
    EXPECT_EQ(state_of(host(0), lbd), before);
    // What was prepared for it is gone, so that it can be prepared again.
    EXPECT_EQ(plan(next).status, 3);
    lbd.reload(next);
    EXPECT_EQ(plan(next).status, 0);
    EXPECT_EQ(lbd.show("neighbours").size(), 4U);
}

TEST_F(LbdPlan, WhatAReloadRefusesIsRefusedWithTheSameWords) {
    const std::string present = alone({1, 1});
    const Balancer lbd(host(0), present);
    const std::string metrics = "metrics: 127.0.0.1:9999\n";
    const Process other = host(0).spawn(
        "python3 -c 'import socket, time; s = socket.create_server((\"127.0.0.1\", 9999)); print(1, flush=True); "
        "time.sleep(9999)'");
    other.wait_for("1");
    const struct {
        std::string text;
        int status;
        std::string words;
    } all[] = {
        {"interfaces: eth0\nservices: 7\n", 2, "lbd.yaml:1:"},
        {std::string(present).replace(present.find("[eth0]"), 6, "[eth0, eth7]"), 1, "eth7"},
        {metrics + present, 1, "9999"},
    };
    for (const auto& [text, status, words] : all) {
        SCOPED_TRACE(words);
        host(0).write("/run/lbd.yaml", text);
        const json state = state_of(host(0), lbd);
        const Output planned = host(0).run(CULVERT_LBD " plan");
        EXPECT_EQ(planned.status, status) << planned;
        EXPECT_EQ(planned.out, "");
        EXPECT_THAT(planned.err, HasSubstr(words));
        EXPECT_EQ(state_of(host(0), lbd), state);
        const Output reloaded = host(0).run(CULVERT_LBD " reload");
        EXPECT_EQ(reloaded.status, status) << reloaded;
        EXPECT_EQ(planned.err, reloaded.err);
    }
    EXPECT_EQ(host(0).run(CULVERT_LBD " plan -c /run/none.yaml").status, 2);
    const Output without = host(1).run(CULVERT_LBD " plan");
    EXPECT_EQ(without.status, 1) << without;
    EXPECT_THAT(without.err, HasSubstr("lbd run"));
}

TEST_F(LbdPlan, WhoDoesNotSayIsNamed) {
    start({1, 1, 1});
    Connections flows(client());
    (void)flows.ask();
    (void)lbd(2).stop(SIGKILL);
    ASSERT_TRUE(eventually([&] { return lbd(0).show("cluster")["peers"][1]["state"] == "away"; }));
    lbd(1).reload(config({1, 1, 2}));
    ASSERT_TRUE(eventually([&] { return lbd(0).show("cluster")["peers"][0]["disagreements"] == 1; }));
    const json expected = forecast(config({1, 1}));
    ASSERT_EQ(expected["peers"].size(), 2U);
    EXPECT_EQ(expected["peers"][0]["services"][0].value("missing", ""), "another table there, see lbd show cluster");
    EXPECT_THAT(expected["peers"][1].value("missing", ""), testing::StartsWith("away: "));
    EXPECT_FALSE(expected["peers"][1].contains("services"));
    const Output text = plan(config({1, 1}));
    EXPECT_EQ(text.status, 3);
    EXPECT_THAT(text.out, HasSubstr("- service echo: backend b2: 10.0.0.5\n"));
    EXPECT_THAT(text.out, HasSubstr("all but what is missing"));
    EXPECT_THAT(text.out, testing::ContainsRegex(
                              "10\\.0\\.0\\.12.* +- +- +-  echo: another table.*\n10\\.0\\.0\\.13.* +- +- +-  away: "));
}

TEST_F(LbdPlan, WhatTheFlowTableDoesNotTellIsNotGuessed) {
    const std::string present = alone({1, 1, 1});
    const Balancer lbd(host(0), present);
    route_to_first();
    Connections flows(client());
    (void)flows.ask();
    const auto changed = [&](const std::string& from, const std::string& to) {
        return std::string(present).replace(present.find(from), from.size(), to);
    };
    const json closed = forecast(changed(", 9/tcp", ""))["services"][0];
    EXPECT_EQ(closed["live_flows"], connections);
    EXPECT_FALSE(closed.contains("move")) << "a port is closed";
    EXPECT_NE(closed.value("unknown", ""), "");
    const json moved = forecast(changed("vip: 192.0.2.1", "vip: 192.0.2.2"))["services"][0];
    EXPECT_EQ(moved["move"], connections);
    EXPECT_EQ(moved["changed_slots"], moved["slots"]);
    EXPECT_EQ(forecast(changed("vip: 192.0.2.1", "idle: 2h\n    vip: 192.0.2.1"))["services"], json::array());

    // Where flows are tracked no longer, the table decides.
    const std::string untracked = changed("vip:", "track: none\n    vip:");
    const json follows = forecast(untracked)["services"];
    ASSERT_EQ(follows.size(), 1U);
    EXPECT_EQ(follows[0]["move"], 0);
    lbd.reload(untracked);
    const json unknown = forecast(present)["services"];
    EXPECT_EQ(unknown, json::array()) << "no slot changes";
}

}  // namespace
}  // namespace culvert::netns
