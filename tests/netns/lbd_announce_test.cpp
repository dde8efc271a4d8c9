// SPDX-License-Identifier: Apache-2.0
//
// VIPs are announced by routes in the kernel, from which real routing daemons take them.
#include <gmock/gmock.h>

#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "tests/netns/harness/routing.hpp"
#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Clock = std::chrono::steady_clock;

/// `announce` of lbd.yaml; `of_web6`: further keys of the IPv6 service.
std::string config(const std::string& announce, const std::string& of_web6 = {}) {
    return fmt::format(R"(
interfaces: [eth0]
flows: {{entries: 64k}}
defaults: {{encap: {{type: l2}}, health: {{type: tcp, interval: 500ms, timeout: 500ms, fall: 2}}}}
{}
services:
  - {{name: web4, vip: 192.0.2.1, ports: [80/tcp], backends: [{{address: 10.0.0.11}}]}}
  - {{name: web6, vip: "2001:db8::1", ports: [80/tcp], backends: [{{address: "fd00::11"}}]{}}}
)",
                       announce, of_web6);
}

/// Does something, waits for its effect, and says how long that took.
void expect_soon(const std::string& what, const std::function<void()>& act, const std::function<bool()>& is_so) {
    const auto begin = Clock::now();
    act();
    EXPECT_TRUE(eventually(is_so)) << what;
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
    std::cout << what << ": " << took.count() << " ms\n";
}

std::string routes(const Host& host, const std::string& table = "186") {
    const std::string where = "route show table " + table + " proto 114";
    return host.run("ip " + where).out + host.run("ip -6 " + where).out;
}

bool announces_both(const Host& host) {
    const std::string now = routes(host);
    return now.find(vip4) != now.npos && now.find(vip6) != now.npos;
}

class LbdAnnounce : public LbdTest {
  protected:
    void SetUp() override {
        LbdTest::SetUp();
        if (IsSkipped()) return;
        backend().ip("addr add 10.0.0.11/24 dev eth0\naddr add fd00::11/64 dev eth0\n");
        web_ = std::make_unique<HttpServer>(backend(), "web");
    }

    Output lbd(const std::string& arguments) { return balancer().run(CULVERT_LBD " " + arguments); }
    std::unique_ptr<HttpServer>& web() { return web_; }

  private:
    std::unique_ptr<HttpServer> web_;
};

TEST_F(LbdAnnounce, AVipIsAnnouncedWhileItsServiceIsUp) {
    const Balancer lbd(balancer(), config("announce: {hold: 100ms}", ", announce: {metric: 200}"));
    ASSERT_TRUE(eventually([&] { return announces_both(balancer()); }));
    EXPECT_THAT(routes(balancer()), AllOf(HasSubstr("blackhole 192.0.2.1 metric 100"),
                                          HasSubstr("blackhole 2001:db8::1 dev lo metric 200")));
    EXPECT_EQ(lbd.show("announcements")["vips"][0]["state"], "up");
    EXPECT_TRUE(this->lbd("ready").ok());
    EXPECT_TRUE(this->lbd("ready 192.0.2.1 2001:db8::1").ok());
    EXPECT_EQ(http_get(client(), vip4), "web\n");

    web().reset();
    ASSERT_TRUE(eventually([&] { return routes(balancer()).empty(); }));
    EXPECT_EQ(lbd.show("announcements")["vips"][0]["state"], "down");
    EXPECT_THAT(lbd.log(), HasSubstr("192.0.2.1 is withdrawn: web4: too few backends take new flows"));
    EXPECT_EQ(this->lbd("ready").status, 1);

    web() = std::make_unique<HttpServer>(backend(), "web");
    ASSERT_TRUE(eventually([&] { return announces_both(balancer()); }));
    lbd.reload(config("announce: {hold: 100ms}", ", announce: no"));
    ASSERT_TRUE(eventually([&] { return routes(balancer()).find(vip6) == std::string::npos; }));
    EXPECT_EQ(this->lbd("ready 2001:db8::1").status, 1);
    EXPECT_THAT(routes(balancer()), HasSubstr(vip4));
    EXPECT_THAT(this->lbd("show announcements").out, AllOf(HasSubstr("192.0.2.1    yes"), HasSubstr("announce: no")));
    balancer().must(CULVERT_LBD " stop --detach");
}

TEST_F(LbdAnnounce, NothingInterruptsIt) {
    const std::string announced = config("announce: {hold: 100ms}");
    auto first = std::make_unique<Balancer>(balancer(), announced);
    ASSERT_TRUE(eventually([&] { return announces_both(balancer()); }));
    const std::string before = routes(balancer());
    {
        const Process changes = balancer().spawn("stdbuf -oL ip monitor route");
        ASSERT_TRUE(eventually([&] {  // it listens
            balancer().ip("route add blackhole 192.0.2.20 table 185\nroute del blackhole 192.0.2.20 table 185\n");
            return !changes.out().empty();
        }));
        const std::string other = config("announce: {hold: 1h}");
        first->reload(other);
        (void)first->stop();
        EXPECT_EQ(routes(balancer()), before);
        first = std::make_unique<Balancer>(balancer(), other);
        (void)first->stop(SIGKILL);
        EXPECT_EQ(routes(balancer()), before);
        first = std::make_unique<Balancer>(balancer(), other);
        ASSERT_TRUE(
            eventually([&] { return first->show("announcements")["vips"][1]["services"][0]["state"] == "up"; }));
        EXPECT_EQ(routes(balancer()), before);
        EXPECT_THAT(changes.out(), Not(HasSubstr("table 186")));
    }
    // Somebody else's changes are undone.
    balancer().ip("route del blackhole 192.0.2.1 table 186\nroute add blackhole 192.0.2.9 table 186 proto 114\n");
    ASSERT_TRUE(eventually([&] { return routes(balancer()) == before; }));
    EXPECT_THAT(first->log(), AllOf(HasSubstr("somebody removed the route by which 192.0.2.1 is announced"),
                                    HasSubstr("somebody added a route to 192.0.2.9 with lbd's protocol 114")));
    // What is not lbd's stays.
    balancer().ip("route add blackhole 192.0.2.10 table 186\nroute add unreachable 192.0.2.11 table 186 proto 114\n");
    first->reload(config("announce: {table: 187}"));
    EXPECT_EQ(routes(balancer(), "187"), before);
    EXPECT_EQ(balancer().must("ip route show table 186"), "blackhole 192.0.2.10 \nunreachable 192.0.2.11 proto 114 \n");
    first->reload(config(""));
    EXPECT_THAT(routes(balancer(), "187"), IsEmpty());
    EXPECT_THAT(lbd("leave").err, HasSubstr("nothing is announced: announce: {} in lbd.yaml"));
    EXPECT_THAT(lbd("show announcements").out, HasSubstr("nothing is announced"));
    SCOPED_TRACE("cure of nothing_announced");
    first->reload(config("announce: {}"));
    EXPECT_TRUE(lbd("leave").ok());
    balancer().must(CULVERT_LBD " stop --detach");
}

TEST_F(LbdAnnounce, WhatPeersKnowComesFirst) {
    balancer().write("/run/cluster.key", std::string(64, '1') + "\n");
    balancer().must("chmod 600 /run/cluster.key");
    const auto with_peer = [](const char* timeout) {
        return config(
            fmt::format("announce: {{hold: 0s}}\ncluster: {{key_file: /run/cluster.key, peers: [10.0.0.99], "
                        "join_timeout: {}}}",
                        timeout));
    };
    auto first = std::make_unique<Balancer>(balancer(), with_peer("1h"));
    ASSERT_TRUE(eventually([&] { return first->show("announcements")["vips"][0]["state"] == "joining"; }));
    EXPECT_THAT(routes(balancer()), IsEmpty());
    (void)first->stop();
    first = std::make_unique<Balancer>(balancer(), with_peer("1s"));
    ASSERT_TRUE(eventually([&] { return announces_both(balancer()); }));
    (void)first->stop();
    // What is announced already stays so.
    first = std::make_unique<Balancer>(balancer(), with_peer("1h"));
    ASSERT_TRUE(eventually([&] { return first->show("announcements")["vips"][1]["services"][0]["state"] == "up"; }));
    EXPECT_TRUE(announces_both(balancer()));
    EXPECT_TRUE(lbd("ready").ok());
    const Output joined = lbd("ready --joined");
    EXPECT_EQ(joined.status, 1);
    EXPECT_THAT(joined.err, HasSubstr("lbd does not know yet what the other balancers know"));
    first->reload(with_peer("1s"));
    EXPECT_TRUE(lbd("ready --joined --wait").ok());
    EXPECT_EQ(lbd("ready --joined 192.0.2.99").status, 1);
    balancer().must(CULVERT_LBD " stop --detach");
    EXPECT_THAT(lbd("ready --joined --for 0.1").err, HasSubstr("connect to lbd"));
}

TEST_F(LbdAnnounce, LeaveIsKeptUntilJoin) {
    const std::string announced = config("announce: {hold: 100ms}");
    auto first = std::make_unique<Balancer>(balancer(), announced);
    ASSERT_TRUE(eventually([&] { return announces_both(balancer()); }));
    EXPECT_TRUE(lbd("leave").ok());
    EXPECT_THAT(routes(balancer()), IsEmpty());
    EXPECT_EQ(http_get(client(), vip4), "web\n");  // what still arrives is balanced
    EXPECT_TRUE(lbd("leave --wait").ok());         // nothing arrives any more
    (void)first->stop();
    first = std::make_unique<Balancer>(balancer(), announced);
    first->reload(config("announce: {hold: 0s}"));
    ASSERT_TRUE(eventually([&] { return first->show("announcements")["vips"][0]["services"][0]["state"] == "up"; }));
    EXPECT_EQ(first->show("announcements")["vips"][0]["state"], "left");
    EXPECT_THAT(routes(balancer()), IsEmpty());
    {
        const Process pings = client().spawn("ping -i 0.2 192.0.2.1");
        const Output waited = lbd("leave --for 1");
        EXPECT_EQ(waited.status, 1);
        EXPECT_THAT(waited.err, HasSubstr("packets to VIPs still arrive"));
    }
    EXPECT_TRUE(lbd("join").ok());
    ASSERT_TRUE(eventually([&] { return announces_both(balancer()); }));
    EXPECT_EQ(lbd("withdraw").status, 1);  // while lbd runs
    (void)first->stop();
    EXPECT_TRUE(lbd("ready").ok());
    EXPECT_TRUE(lbd("withdraw").ok());
    EXPECT_THAT(routes(balancer()), IsEmpty());
    EXPECT_EQ(lbd("ready").status, 1);
    first = std::make_unique<Balancer>(balancer(), announced);
    ASSERT_TRUE(eventually([&] { return announces_both(balancer()); }));
    (void)first->stop();
    balancer().must(CULVERT_LBD " stop --detach");  // without an lbd, too
    EXPECT_THAT(routes(balancer()), IsEmpty());
}

//   client ── eth1 router eth0 ──┬── one 10.0.0.2, fd00::2
//  198.51.100.2        10.0.0.1  ├── two 10.0.0.3, fd00::3
//  2001:db8:2::2       fd00::1   └── backend 10.0.0.11, fd00::11
/// Two balancers that announce to a router, which spreads connections over both.
class LbdRouting : public NetnsTest, public testing::WithParamInterface<const char*> {
  protected:
    void SetUp() override {
        NetnsTest::SetUp();
        if (IsSkipped()) return;
        REQUIRE_PROGRAM("bird");
        const std::string daemon = GetParam();
        if (daemon == "frr") REQUIRE_PROGRAM("vtysh");
        lan_.connect({{router_, "eth0", {"10.0.0.1/24", "fd00::1/64"}},
                      {one_, "eth0", {"10.0.0.2/24", "fd00::2/64"}},
                      {two_, "eth0", {"10.0.0.3/24", "fd00::3/64"}},
                      {backend_, "eth0", {"10.0.0.11/24", "fd00::11/64"}}});
        connect({client_, "eth0", {"198.51.100.2/24", "2001:db8:2::2/64"}},
                {router_, "eth1", {"198.51.100.1/24", "2001:db8:2::1/64"}});
        client_.ip("route add default via 198.51.100.1\nroute add default via 2001:db8:2::1\n");
        for (const char* name : {"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding",
                                 "net.ipv4.fib_multipath_hash_policy", "net.ipv6.fib_multipath_hash_policy"})
            router_.set_sysctl(name, "1");
        for (const Host* host : {&one_, &two_, &backend_})
            host->ip("route add default via 10.0.0.1\nroute add default via fd00::1\n");
        backend_.ip("addr add 192.0.2.1/32 dev lo\naddr add 2001:db8::1/128 dev lo\n");
        web_ = std::make_unique<HttpServer>(backend_, "web");
    }

    [[nodiscard]] static std::string rendered(const Host& host, const std::string& id) {
        return host.must(fmt::format(CULVERT_LBD " render {} -c /run/lbd.yaml --as 65001 --router-id {} "
                                                 "--peer 10.0.0.1=65000 --peer fd00::1=65000",
                                     GetParam(), id));
    }
    /// Runs the daemon of this test with exactly what lbd renders.
    void announce(const Host& host, const std::string& id) {
        if (std::string(GetParam()) == "frr")
            frrs_.push_back(std::make_unique<Frr>(host, rendered(host, id)));
        else
            birds_.push_back(std::make_unique<Bird>(host, rendered(host, id)));
    }

    /// The next hops of the router's routes to both VIPs.
    [[nodiscard]] std::string hops() const {
        return router_.run("ip route show 192.0.2.1").out + router_.run("ip -6 route show 2001:db8::1").out;
    }
    [[nodiscard]] bool leads_to(bool one, bool two) const {
        const std::string now = hops();
        const auto has = [&](const char* address) { return now.find(std::string("via ") + address + " ") != now.npos; };
        return has("10.0.0.2") == one && has("fd00::2") == one && has("10.0.0.3") == two && has("fd00::3") == two;
    }

    Host client_{"client"}, router_{"router"}, one_{"one"}, two_{"two"}, backend_{"backend"};
    Switch lan_;
    std::unique_ptr<HttpServer> web_;
    std::vector<std::unique_ptr<Bird>> birds_;
    std::vector<std::unique_ptr<Frr>> frrs_;
};

constexpr const char* router_configuration = R"(
router id 10.0.0.1;
protocol device {}
protocol bfd { interface "*" { min rx interval 100 ms; min tx interval 100 ms; multiplier 3; }; }
protocol kernel { merge paths on; ipv4 { import none; export all; }; }
protocol kernel { merge paths on; ipv6 { import none; export all; }; }
filter by_community { if (65535, 0) ~ bgp_community then bgp_local_pref = 0; accept; }
template bgp balancer { local as 65000; bfd on; connect delay time 1; connect retry time 2; error wait time 1, 5; }
protocol bgp one4 from balancer { neighbor 10.0.0.2 as 65001; ipv4 { import filter by_community; export none; }; }
protocol bgp one6 from balancer { neighbor fd00::2 as 65001; ipv6 { import filter by_community; export none; }; }
protocol bgp two4 from balancer { neighbor 10.0.0.3 as 65001; ipv4 { import filter by_community; export none; }; }
protocol bgp two6 from balancer { neighbor fd00::3 as 65001; ipv6 { import filter by_community; export none; }; }
)";

TEST_P(LbdRouting, ARouterSpreadsOverWhoeverIsUp) {
    const std::string table = std::string(GetParam()) == "frr" ? ", table: main" : "";
    const std::string announced = config(fmt::format("announce: {{hold: 100ms{}}}", table));
    const Balancer first(one_, announced);
    const Balancer second(two_, announced);
    const Bird router(router_, router_configuration);
    expect_soon(
        "sessions and routes",
        [&] {
            announce(one_, "10.0.0.2");
            announce(two_, "10.0.0.3");
        },
        [&] { return leads_to(true, true); });
    EXPECT_THAT(router.ask("show route all for 192.0.2.1"), HasSubstr("BGP.med: 100"));
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(http_get(client_, vip4), "web\n");
        EXPECT_EQ(http_get(client_, vip6), "web\n");
    }
    for (const Balancer* balancer : {&first, &second})
        EXPECT_GT(balancer->show("counters")["forwarded"]["new_flows"], 0);

    expect_soon(
        "withdrawn", [&] { one_.must(CULVERT_LBD " leave"); }, [&] { return leads_to(false, true); });
    expect_soon(
        "announced", [&] { one_.must(CULVERT_LBD " join"); }, [&] { return leads_to(true, true); });

    // A higher metric is the last resort.
    two_.write("/run/lbd.yaml", config(fmt::format("announce: {{hold: 100ms, metric: 200{}}}", table)));
    expect_soon(
        "last resort",
        [&] {
            two_.must(CULVERT_LBD " reload");
            if (!frrs_.empty()) frrs_.back()->read(rendered(two_, "10.0.0.3"));
        },
        [&] { return leads_to(true, false); });
    EXPECT_TRUE(eventually([&] {
        return count(router.ask("show route all"), "BGP.community: (65535,0)") == 2;  // FRR takes five seconds
    }));

    // A balancer that is cut off is found by BFD.
    expect_soon(
        "cut off", [&] { lan_.host().ip("link set one-eth0 down\n"); }, [&] { return leads_to(false, true); });
    EXPECT_EQ(http_get(client_, vip4), "web\n");
    EXPECT_EQ(http_get(client_, vip6), "web\n");
}

INSTANTIATE_TEST_SUITE_P(With, LbdRouting, testing::Values("bird", "frr"),
                         [](const auto& one) { return std::string(one.param); });

//   client ───┬── one 10.0.0.2
//  10.0.0.1   ├── two 10.0.0.4
//             └── backend 10.0.0.3, 10.0.0.11
/// Without a router, one of two balancers has the VIPs.
TEST_F(LbdAnnounce, KeepalivedFollowsReadiness) {
    REQUIRE_PROGRAM("keepalived");
    const Host two("two");
    lan().connect({{two, "eth0", {"10.0.0.4/24", "fd00::4/64"}}});
    client().ip(
        "route del 192.0.2.1\nroute del 2001:db8::1\nroute add 192.0.2.1 dev eth0\nroute add 2001:db8::1 dev eth0\n");
    // Only the balancer with the VIP answers ARP for it.
    for (const char* name : {"net.ipv4.conf.all.arp_ignore", "net.ipv4.conf.all.arp_announce"})
        backend().set_sysctl(name, "2");
    const std::string announced = config("announce: {hold: 100ms}");
    const Balancer first(balancer(), announced);
    const Balancer second(two, announced);
    const std::string render =
        CULVERT_LBD " render keepalived -c /run/lbd.yaml --interface eth0 --group 51 --priority ";
    const auto has_vips = [](const Host& host) {
        const std::string now = host.must("ip addr show dev eth0");
        return now.find(vip4) != now.npos && now.find(vip6) != now.npos;
    };
    const auto has_none = [](const Host& host) {
        const std::string now = host.must("ip addr show dev eth0");
        return now.find(vip4) == now.npos && now.find(vip6) == now.npos;
    };
    std::unique_ptr<Keepalived> one_daemon, two_daemon;
    expect_soon(
        "the first has the VIPs",
        [&] {
            one_daemon = std::make_unique<Keepalived>(balancer(), balancer().must(render + "150"));
            two_daemon = std::make_unique<Keepalived>(two, two.must(render + "100"));
        },
        [&] { return has_vips(balancer()) && has_none(two); });
    const auto expect_answers = [&] {
        EXPECT_EQ(http_get(client(), vip4), "web\n");
        EXPECT_EQ(http_get(client(), vip6), "web\n");
    };
    expect_answers();
    expect_soon(
        "it has left", [&] { balancer().must(CULVERT_LBD " leave"); },
        [&] { return has_vips(two) && has_none(balancer()); });
    expect_answers();
    expect_soon(
        "it is back", [&] { balancer().must(CULVERT_LBD " join"); },
        [&] { return has_vips(balancer()) && has_none(two); });
    expect_soon(
        "it is cut off", [&] { lan().host().ip("link set balancer-eth0 down\n"); }, [&] { return has_vips(two); });
    expect_answers();
    // Health checks are not sent from the VIPs.
    EXPECT_THAT(second.log(), Not(HasSubstr("is down")));
}

}  // namespace
}  // namespace culvert::netns
