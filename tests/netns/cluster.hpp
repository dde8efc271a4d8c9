// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/netns/harness/routing.hpp"
#include "tests/netns/lbd_test.hpp"
#include "tests/netns/outcome.hpp"
#include "tests/netns/traffic.hpp"

namespace culvert::netns {

using Balancers = std::vector<int>;
inline const Balancers all{0, 1, 2};
inline Balancers without(int one) {
    Balancers others = all;
    std::erase(others, one);
    return others;
}

/// What lbd.yaml of all balancers should say.
struct Wanted {
    int backends = 4;
    std::map<int, int> weights{};  ///< other than 1
    std::set<int> drained{};
};

//   client ── eth1 router eth0 ──┬── lb0, lb1, lb2: 10.0.0.11, fd00::11 and so on
//  198.51.100.2        10.0.0.1  └── b0, b1, …: 10.0.0.3, fd00::3 and so on
//  2001:db8:2::2       fd00::1
/// Three balancers, which announce the VIPs by BIRD to a router that spreads connections over them, and backends with
/// an encapsulation each. `realserver` decapsulates by the kernel's tunnels, or by XDP where the kernel has none.
class ClusterTest : public NetnsTest {
  protected:
    static constexpr int balancers = 3;
    static constexpr int most_backends = 6;
    using Clock = std::chrono::steady_clock;

    void SetUp() override {
        NetnsTest::SetUp();
        if (IsSkipped()) return;
        REQUIRE_PROGRAM("bird");
        lan_.emplace();
        client_.emplace("client");
        router_.emplace("router");
        connect({*client_, "eth0", {"198.51.100.2/24", "2001:db8:2::2/64"}},
                {*router_, "eth1", {"198.51.100.1/24", "2001:db8:2::1/64"}});
        // The client's packets leave room for every encapsulation.
        client_->ip(
            "link set eth0 mtu 1400\nroute add default via 198.51.100.1\nroute add default via 2001:db8:2::1\n");
        client_->set_sysctl("net.ipv4.ip_local_port_range", "1024 9999");  // the others are those of Traffic
        lan_->connect({{*router_, "eth0", {"10.0.0.1/24", "fd00::1/64"}}});
        for (const char* name : {"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding",
                                 "net.ipv4.fib_multipath_hash_policy", "net.ipv6.fib_multipath_hash_policy"})
            router_->set_sysctl(name, "1");
        // While BIRD changes a route there is none, for a moment.
        router_->ip("route add blackhole 192.0.2.0/24\nroute add blackhole 2001:db8::/64\n");
        for (int i = 0; i < most_backends; ++i) add_backend(i);
        for (int i = 0; i < balancers; ++i) {
            hosts_.push_back(std::make_unique<Host>(fmt::format("lb{}", i)));
            lan_->connect({{host(i), "eth0", {address(i) + "/24", fmt::format("fd00::{}/64", 11 + i)}}});
            host(i).ip("route add default via 10.0.0.1\nroute add default via fd00::1\n");
            host(i).write("/run/cluster.key", std::string(64, '1') + "\n");
            host(i).must("chmod 600 /run/cluster.key");
        }
        lbds_.resize(balancers);
        birds_.resize(balancers);
    }

    /// Starts all balancers and their BIRDs, and returns when the router knows all of them and all backends are up.
    void start_all(const Wanted& wanted = {}) {
        for (const int i : all) {
            start(i, config(wanted));
            start_bird(i);
        }
        router_bird_.emplace(router(), router_configuration());
        route_changes_.emplace(router(), std::vector<std::string>{vip4, vip6});
        ASSERT_TRUE(eventually([&] { return leads_to(all); })) << routes();
        ASSERT_TRUE(eventually([&] { return are_joined(all); }));
        for (int i = 0; i < wanted.backends; ++i) ASSERT_TRUE(find(all, i, "up"));
    }
    void start(int i, std::string_view config) {
        lbds_[static_cast<std::size_t>(i)] = std::make_unique<Balancer>(host(i), config);
    }
    /// With exactly what lbd renders.
    void start_bird(int i) {
        const std::string rendered =
            host(i).must(fmt::format(CULVERT_LBD " render bird -c /run/lbd.yaml --as 65001 --router-id {} "
                                                 "--peer 10.0.0.1=65000 --peer fd00::1=65000",
                                     address(i)));
        birds_[static_cast<std::size_t>(i)] = std::make_unique<Bird>(host(i), rendered);
    }
    [[nodiscard]] Balancer& lbd(int i) const { return *lbds_[static_cast<std::size_t>(i)]; }
    [[nodiscard]] Bird& bird(int i) const { return *birds_[static_cast<std::size_t>(i)]; }
    [[nodiscard]] const Host& host(int i) const { return *hosts_[static_cast<std::size_t>(i)]; }
    [[nodiscard]] const Host& backend(int i) const { return *backends_[static_cast<std::size_t>(i)]; }
    [[nodiscard]] const Host& client() const { return *client_; }
    [[nodiscard]] const Host& router() const { return *router_; }
    [[nodiscard]] Switch& lan() { return *lan_; }

    [[nodiscard]] static std::string address(int balancer) { return fmt::format("10.0.0.{}", 11 + balancer); }
    [[nodiscard]] std::string config(const Wanted& wanted) const {
        const std::string peers =
            peers_in.empty() ? "" : fmt::format(", peers: ['{}', '{}', '{}']", peer(0), peer(1), peer(2));
        std::string text =
            fmt::format(R"(
interfaces: [eth0]
flows: {{entries: 64k, idle: {}}}
announce: {{hold: {}}}
cluster: {{key_file: /run/cluster.key{}}}
defaults: {{health: {{type: tcp, interval: {}, rise: 1, fall: 2}}}}
services:
)",
                        idle, is_emulated ? "20s" : "2s", peers, is_emulated ? "10s, timeout: 10s" : "1s");
        for (const int family : {4, 6}) {
            text += fmt::format("  - name: web{}\n    vip: '{}'\n    ports: [7/tcp, 7/udp, 80/tcp]\n    backends:\n",
                                family, family == 4 ? vip4 : vip6);
            for (int i = 0; i < wanted.backends; ++i) {
                const Way& way = ways[static_cast<std::size_t>(i)];
                const int outer = way.outer == 0 ? family : way.outer;
                const auto weight = wanted.weights.find(i);
                text += fmt::format("      - {{name: b{}, address: '{}{}', encap: {{type: {}}}, weight: {}{}}}\n", i,
                                    outer == 4 ? "10.0.0." : "fd00::", 3 + i, way.encap,
                                    weight == wanted.weights.end() ? 1 : weight->second,
                                    wanted.drained.contains(i) ? ", state: drain" : "");
            }
        }
        return text;
    }
    /// How long lbd knows a silent flow, and former backends.
    std::string idle = is_emulated ? "200s" : "20s";
    /// The network in which balancers connect with each other: "10.0.0." or "fd00::". Empty: they do not share.
    std::string peers_in = "10.0.0.";
    [[nodiscard]] std::string peer(int balancer) const { return fmt::format("{}{}", peers_in, 11 + balancer); }
    /// What one says about another.
    [[nodiscard]] nlohmann::json peer(int one, int other) const {
        const nlohmann::json shown = lbd(one).show("cluster");
        for (const auto& entry : shown["peers"])
            if (entry["address"] == peer(other)) return entry;
        return {};
    }

    /// At the same time.
    void reload(const Balancers& these, const Wanted& wanted) const {
        std::vector<Process> commands;
        for (const int i : these) host(i).write("/run/lbd.yaml", config(wanted));
        commands.reserve(these.size());
        for (const int i : these) commands.push_back(host(i).spawn(CULVERT_LBD " reload"));
        for (Process& command : commands) {
            const Output done = command.wait();
            EXPECT_TRUE(done.ok()) << done;
        }
    }

    /// As a cable that is pulled out.
    void cut(const Host& one) const { lan_->host().ip("link set " + one.name() + "-eth0 down\n"); }
    void mend(const Host& one) const { lan_->host().ip("link set " + one.name() + "-eth0 up\n"); }

    /// What the router's BIRD has learned: its routes to both VIPs lead to these, and to no other.
    [[nodiscard]] bool leads_to(const Balancers& these) const {
        const std::string now = routes();
        for (int i = 0; i < balancers; ++i)
            for (const std::string& hop : {address(i), fmt::format("fd00::{}", 11 + i)})
                if (std::ranges::count(these, i) != count(now, "via " + hop + " ")) return false;
        return true;
    }
    /// Into which the router's BIRD writes.
    std::string routing_table = "main";
    [[nodiscard]] std::string routes() const {
        return router_->run("ip route show 192.0.2.1 table " + routing_table).out +
               router_->run("ip -6 route show 2001:db8::1 table " + routing_table).out;
    }
    /// Each of these is connected with all others of them, and has taken in what they have told.
    [[nodiscard]] bool are_joined(const Balancers& these) const {
        for (const int i : these) {
            const auto shown = lbd(i).show("cluster");
            if (shown.value("waiting", 0) != 0) return false;
            for (const auto& peer : shown["peers"])
                for (const int other : these)
                    if (peer["address"] == this->peer(other) && peer["state"] != "up") return false;
        }
        return true;
    }
    /// All of these find the backend so.
    [[nodiscard]] bool find(const Balancers& these, int backend, const std::string& health) const {
        return eventually([&] {
            for (const int i : these) {
                const auto shown = lbd(i).show("backends");
                for (const auto& one : shown)
                    if (one["name"] == fmt::format("b{}", backend) && one["health"] != health) return false;
            }
            return true;
        });
    }

    /// Returns when flows are established, and balancers that share have told each other of those of UDP.
    [[nodiscard]] Traffic traffic() const {
        const Flows flows = is_emulated ? Flows{.streams = 400, .datagrams = 100, .short_lived = 80}
                                        : Flows{.streams = 2'000, .datagrams = 500, .short_lived = 400};
        Traffic traffic(*client_, flows, is_emulated ? 200 : 2'000, is_emulated ? 10 : 100);
        some_traffic(static_cast<std::uint64_t>(10 * flows.datagrams));
        EXPECT_TRUE(peers_in.empty() || eventually([&] { return all_know(flows.datagrams); }));
        return traffic;
    }
    /// Each balancer knows of so many flows: those that it has seen, and those that the others have told it.
    [[nodiscard]] bool all_know(int flows) const {
        return std::ranges::all_of(all, [&](int i) {
            const auto shown = lbd(i).show("cluster");
            int known = 0, told = 0;
            for (const auto& peer : shown["peers"]) {
                known += peer["records_in"].get<int>();
                told = std::max(told, peer["records_out"].get<int>());
            }
            return known + told >= flows && shown.value("waiting", 0) == 0;
        });
    }
    /// What became of it. A path may also change without the test's doing: on a busy machine BFD takes a balancer for
    /// dead that is not.
    [[nodiscard]] Outcome::Result stop(Traffic& traffic) {
        const nlohmann::json stopped = traffic.stop();
        for (const auto time : route_changes_->stop()) outcome_.moved("routes change", time, time);
        return outcome_.of(stopped);
    }
    /// Waits until the client has sent so many packets.
    void some_traffic(std::uint64_t packets = 1'000) const {
        const auto sent = [&] { return std::stoull(client_->read("/sys/class/net/eth0/statistics/tx_packets")); };
        const auto before = sent();
        EXPECT_TRUE(eventually([&] { return sent() > before + packets; }));
    }

    Outcome outcome_;

  private:
    struct Way {
        int outer;             ///< the family in which lbd reaches the backend; 0: that of the VIP
        const char* encap;     ///< in lbd.yaml
        const char* receives;  ///< in realserver.yaml
    };
    static constexpr std::array<Way, most_backends> ways{{{0, "l2", "l2"},
                                                          {4, "ipip", "ipip"},
                                                          {6, "gue, port: 5080", "gue, port: 5080"},
                                                          {4, "gre", "gre"},
                                                          {4, "geneve, vni: 666", "geneve, vni: 666"},
                                                          {6, "ipip", "ipip"}}};

    void add_backend(int i) {
        const Host& added = *backends_.emplace_back(std::make_unique<Host>(fmt::format("b{}", i)));
        lan_->connect({{added, "eth0", {fmt::format("10.0.0.{}/24", 3 + i), fmt::format("fd00::{}/64", 3 + i)}}});
        added.ip(fmt::format("route add default via 10.0.0.1 advmss {0}\nroute add default via fd00::1 advmss {0}\n",
                             mss_of(i)));
        added.write("/run/realserver.yaml",
                    fmt::format("balancers: [10.0.0.0/24, 'fd00::/64']\nvips: [{}, '{}']\nreceive: [{{encap: {}}}]\n",
                                vip4, vip6, ways[static_cast<std::size_t>(i)].receives));
        added.must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
        servers_.push_back(std::make_unique<TrafficServers>(added));
    }

    [[nodiscard]] std::string router_configuration() const {
        std::string text = R"(
router id 10.0.0.1;
protocol device {}
protocol bfd { interface "*" { min rx interval 100 ms; min tx interval 100 ms; multiplier 3; }; }
)";
        for (const int family : {4, 6})
            text += fmt::format("protocol kernel {{ {}merge paths on; ipv{} {{ import none; export all; }}; }}\n",
                                routing_table == "main" ? "" : "kernel table " + routing_table + "; ", family);
        text += R"(
template bgp balancer { local as 65000; bfd on; connect delay time 1; connect retry time 2; error wait time 1, 5; }
)";
        for (int i = 0; i < balancers; ++i)
            text += fmt::format(
                "protocol bgp from balancer {{ neighbor {} as 65001; ipv4 {{ import all; export none; }}; }}\n"
                "protocol bgp from balancer {{ neighbor fd00::{} as 65001; ipv6 {{ import all; export none; }}; }}\n",
                address(i), 11 + i);
        return text;
    }

    std::optional<Switch> lan_;
    std::optional<Host> client_, router_;
    std::vector<std::unique_ptr<Host>> hosts_, backends_;
    std::vector<std::unique_ptr<TrafficServers>> servers_;
    std::vector<std::unique_ptr<Balancer>> lbds_;
    std::vector<std::unique_ptr<Bird>> birds_;
    std::optional<Bird> router_bird_;
    std::optional<RouteChanges> route_changes_;
};

}  // namespace culvert::netns
