// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/netns/checks.hpp"
#include "tests/netns/echo.hpp"
#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using namespace std::chrono_literals;

constexpr int balancers = 3;
constexpr int first_backends = 3;
constexpr int most_backends = 4;

//   client ── router ── switch ─┬─ three balancers, 10.0.0.11 and so on
//  10.1.0.1   10.0.0.254        └─ four backends, 10.0.0.3 and so on
class LbdTakeover : public NetnsTest {
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
        for (int i = 0; i < balancers; ++i) {
            hosts_.push_back(std::make_unique<Host>(fmt::format("lb{}", i)));
            lan_->connect({{*hosts_.back(), "eth0", {address(i) + "/24"}}});
            router_->ip(fmt::format("nexthop add id {} via {} dev eth0\n", i + 1, address(i)));
        }
        router_->ip("nexthop add id 10 group 1/2/3\nroute add 192.0.2.1 nhid 10\n");
        for (int i = 0; i < most_backends; ++i) {
            backends_.push_back(std::make_unique<Host>(fmt::format("b{}", i)));
            lan_->connect({{*backends_.back(), "eth0", {fmt::format("10.0.0.{}/24", 3 + i)}}});
            backends_.back()->ip("addr add 192.0.2.1/32 dev lo\nroute add default via 10.0.0.254\n");
            servers_.push_back(echo_server(*backends_.back()));
        }
        const std::string key = hosts_[0]->must(CULVERT_LBD " keygen");
        for (const auto& host : hosts_) {
            host->write("/run/cluster.key", key);
            host->must("chmod 600 /run/cluster.key");
        }
        lbds_.resize(balancers);
        for (int i = 0; i < balancers; ++i) start(i);
    }

    static std::string address(int balancer) { return fmt::format("10.0.0.{}", 11 + balancer); }
    static std::string config(int backends, std::string_view of_first = "") {
        std::string text = R"(
interfaces: [eth0]
flows: {entries: 64k, idle: 20s}
cluster: {key_file: /run/cluster.key, peers: [10.0.0.11, 10.0.0.12, 10.0.0.13]}
defaults: {encap: {type: l2}}
services:
  - name: echo
    vip: 192.0.2.1
    ports: [7/tcp, 7/udp]
    backends:
)";
        for (int i = 0; i < backends; ++i)
            text += fmt::format("      - {{address: 10.0.0.{}{}}}\n", 3 + i, i == 0 ? of_first : "");
        return text;
    }

    Balancer& lbd(int i) { return *lbds_[static_cast<std::size_t>(i)]; }
    const Host& host(int i) { return *hosts_[static_cast<std::size_t>(i)]; }
    void start(int i, const std::string& text = config(first_backends)) {
        lbds_[static_cast<std::size_t>(i)] = std::make_unique<Balancer>(host(i), text);
    }
    void reload(const std::vector<int>& these, const std::string& text) {
        for (const int i : these) lbd(i).reload(text);
        ASSERT_TRUE(are_joined(these));
    }

    /// Until each of these has heard everything from all others that run.
    bool are_joined(const std::vector<int>& these) {
        return eventually([&] {
            for (const int i : these) {
                const auto shown = lbd(i).show("cluster");
                if (shown.value("waiting", 0) != 0) return false;
                for (const int other : these)
                    if (other != i)
                        for (const auto& peer : shown["peers"])
                            if (peer["address"] == address(other) && peer["state"] != "up") return false;
            }
            return true;
        });
    }

    /// Whether it knows that these are gone.
    bool has_lost(int i, const std::vector<int>& these) {
        const auto shown = lbd(i).show("cluster");
        return std::ranges::all_of(these, [&](int other) {
            return std::ranges::any_of(shown["peers"], [&](const auto& peer) {
                return peer["address"] == address(other) && peer["state"] != "up";
            });
        });
    }

    /// The router sends packets to these only, as when a routing daemon has withdrawn the others' routes.
    void route_to(const std::vector<int>& these) {
        std::string group;
        for (const int i : these) group += (group.empty() ? "" : "/") + std::to_string(i + 1);
        router_->ip("nexthop replace id 10 group " + group + "\n");
    }

    Process load() {
        Process process = echo_load(*client_, {.streams = 2'000, .datagrams = 500, .short_lived = 200});
        some_traffic();
        return process;
    }
    /// Waits for as much traffic as tells of a fault, however busy the machine is.
    void some_traffic(std::uint64_t packets = 2'000) {
        const auto sent = [&] { return std::stoull(client_->read("/sys/class/net/eth0/statistics/tx_packets")); };
        const auto before = sent();
        EXPECT_TRUE(eventually([&] { return sent() > before + packets; }));
    }

    static void expect_kept(Process& load) {
        const auto outcome = echo_outcome(load);
        EXPECT_TRUE(kept_all(outcome)) << outcome;
        EXPECT_GT(outcome["short"], 200) << outcome;
    }

  private:
    std::optional<Switch> lan_;
    std::optional<Host> client_, router_;
    std::vector<std::unique_ptr<Host>> hosts_, backends_;
    std::vector<Process> servers_;
    std::vector<std::unique_ptr<Balancer>> lbds_;
};

TEST_F(LbdTakeover, ABalancerIsCutOffWhileBackendsComeAndGo) {
    ASSERT_TRUE(are_joined({0, 1, 2}));
    Process load = this->load();
    // A backend is added on two of three, at the moment at which the third one is cut off.
    reload({1, 2}, config(most_backends));
    host(0).ip("link set eth0 down\n");
    route_to({1, 2});
    some_traffic();
    ASSERT_TRUE(eventually([&] { return has_lost(0, {1, 2}); }));
    host(0).ip("link set eth0 up\n");
    reload({0}, config(most_backends));
    ASSERT_TRUE(are_joined({0, 1, 2}));
    route_to({0, 1, 2});
    some_traffic();
    // One is killed as a backend is drained.
    reload({0, 2}, config(most_backends, ", state: drain"));
    lbd(1).stop(SIGKILL);
    route_to({0, 2});
    some_traffic();
    start(1, config(most_backends));
    ASSERT_TRUE(are_joined({0, 1, 2}));
    route_to({0, 1, 2});
    reload({1}, config(most_backends, ", state: drain"));
    some_traffic();
    expect_kept(load);
}

// Each one forgets all connections, and gets what the others know before packets reach it. Meanwhile backends change.
TEST_F(LbdTakeover, EachIsReplacedByANewOne) {
    ASSERT_TRUE(are_joined({0, 1, 2}));
    Process load = this->load();
    reload({0, 1, 2}, config(most_backends));
    some_traffic();
    for (int i = 0; i < balancers; ++i) {
        const std::string next = config(most_backends, i == 1 ? ", state: drain" : "");
        std::vector<int> others;
        for (int other = 0; other < balancers; ++other)
            if (other != i) others.push_back(other);
        route_to(others);
        some_traffic();
        host(i).must(CULVERT_LBD " stop --detach");
        lbd(i).wait();
        start(i, next);
        ASSERT_TRUE(are_joined({0, 1, 2}));
        route_to({0, 1, 2});
        some_traffic();
        reload(others, next);
    }
    expect_kept(load);
}

// Proves that the other tests would notice.
TEST_F(LbdTakeover, ConnectionsMoveIfNothingIsShared) {
    for (int i = 0; i < balancers; ++i) {
        std::string alone = config(first_backends);
        alone.replace(alone.find(", peers"), alone.find("]}") - alone.find(", peers") + 1, "");
        lbd(i).reload(alone);
    }
    Process load = this->load();
    std::string more = config(most_backends);
    more.replace(more.find(", peers"), more.find("]}") - more.find(", peers") + 1, "");
    reload({0, 1}, more);
    some_traffic(8'000);  // so that many connections with the new backend are no longer young
    route_to({2});
    some_traffic();
    const auto outcome = echo_outcome(load);
    EXPECT_FALSE(kept_all(outcome)) << outcome;
}

}  // namespace
}  // namespace culvert::netns
