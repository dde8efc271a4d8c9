// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::HasSubstr;

/// A service for each family; the backend takes frames as they are, so all depends on its MAC address.
constexpr const char* config = R"(
interfaces: [eth0]
flows: {entries: 64k}
defaults: {encap: {type: l2}}
services:
  - {name: web4, vip: 192.0.2.1, ports: [80/tcp], backends: [{address: 10.0.0.3}]}
  - {name: web6, vip: "2001:db8::1", ports: [80/tcp], backends: [{address: "fd00::3"}]}
)";

class LbdNetwork : public LbdTest {
  protected:
    /// By both families.
    void expect_service() {
        EXPECT_EQ(http_get(client(), vip4), "backend\n");
        EXPECT_EQ(http_get(client(), vip6), "backend\n");
    }
};

TEST_F(LbdNetwork, ABackendThatIsNotThereYetIsFoundWhenItComes) {
    backend().ip("link set eth0 down\n");
    const Balancer lbd(balancer(), config);
    EXPECT_EQ(lbd.backend("10.0.0.3")["reason"], "no_neighbour");
    EXPECT_THAT(lbd.process().err(), HasSubstr("10.0.0.3: not reachable: the MAC address"));
    EXPECT_FALSE(client().run("curl -s --max-time 1 http://192.0.2.1/").ok());
    EXPECT_GT(lbd.dropped("no_neighbour"), 0);

    backend().ip("link set eth0 up\naddr replace fd00::3/64 dev eth0\nroute replace default via 10.0.0.1\n");
    const HttpServer web(backend(), "backend");
    EXPECT_TRUE(eventually([&] { return lbd.reaches("10.0.0.3") && lbd.reaches("fd00::3"); }));
    expect_service();
}

TEST_F(LbdNetwork, ANewMacAddressThatIsAnnouncedIsTakenUpAtOnce) {
    const HttpServer web(backend(), "backend");
    const Balancer lbd(balancer(), config);
    backend().set_sysctl("net.ipv4.conf.eth0.arp_notify", "1");
    backend().set_sysctl("net.ipv6.conf.eth0.ndisc_notify", "1");

    backend().ip("link set eth0 address 02:00:00:00:00:99\n");
    EXPECT_TRUE(eventually([&] {
        return lbd.backend("10.0.0.3")["mac"] == "02:00:00:00:00:99" && lbd.backend("fd00::3")["mac"] == "02:00:00:00:00:99";
    }));
    expect_service();
}

TEST_F(LbdNetwork, ANewMacAddressThatNobodyTellsIsFoundByTheKernelsProbes) {
    const HttpServer web(backend(), "backend");
    for (const std::string family : {"ipv4", "ipv6"}) {
        const std::string neigh = "net." + family + ".neigh.eth0.";
        balancer().set_sysctl(neigh + "base_reachable_time_ms", "1000");
        balancer().set_sysctl(neigh + "delay_first_probe_time", "1");
        balancer().set_sysctl(neigh + "retrans_time_ms", "100");
        balancer().set_sysctl(neigh + "interval_probe_time_ms", "500");
    }
    const Balancer lbd(balancer(), config);
    ASSERT_TRUE(lbd.reaches("10.0.0.3") && lbd.reaches("fd00::3"));

    backend().ip("link set eth0 address 02:00:00:00:00:99\n");
    EXPECT_TRUE(eventually([&] {
        return lbd.backend("10.0.0.3")["mac"] == "02:00:00:00:00:99" && lbd.backend("fd00::3")["mac"] == "02:00:00:00:00:99";
    }));
    expect_service();
}

TEST_F(LbdNetwork, TheAddressOfABackendThatIsGoneIsUsedNoMore) {
    const HttpServer web(backend(), "backend");
    for (const std::string name : {"base_reachable_time_ms", "retrans_time_ms", "interval_probe_time_ms"})
        balancer().set_sysctl("net.ipv4.neigh.eth0." + name, "200");
    balancer().set_sysctl("net.ipv4.neigh.eth0.delay_first_probe_time", "1");
    const Balancer lbd(balancer(), config);
    ASSERT_TRUE(lbd.reaches("10.0.0.3"));

    backend().ip("link set eth0 down\n");
    EXPECT_TRUE(eventually([&] { return lbd.backend("10.0.0.3")["reason"] == "no_neighbour"; }));
    EXPECT_TRUE(eventually([&] { return lbd.process().err().find("10.0.0.3: not reachable") != std::string::npos; }));
}

//   client ───┐          ┌── router A ──┐
//             │          │   10.0.0.11  │
//   balancer ─┼─ switch ─┤              ├── server 10.9.0.3, fd09::3
//             │          │   router B   │
//             │          └── 10.0.0.12 ─┘
TEST_F(LbdNetwork, RoutesAreFollowed) {
    const Host router_a("a"), router_b("b"), server("server");
    Switch far("far");
    lan().connect({{router_a, "eth0", {"10.0.0.11/24", "fd00::11/64"}}, {router_b, "eth0", {"10.0.0.12/24", "fd00::12/64"}}});
    far.connect({{router_a, "eth1", {"10.9.0.11/24", "fd09::11/64"}},
                 {router_b, "eth1", {"10.9.0.12/24", "fd09::12/64"}},
                 {server, "eth0", {"10.9.0.3/24", "fd09::3/64"}}});
    for (const Host* router : {&router_a, &router_b}) {
        router->set_sysctl("net.ipv4.ip_forward", "1");
        router->set_sysctl("net.ipv6.conf.all.forwarding", "1");
    }
    server.ip("route add default via 10.9.0.11\n-6 route add default via fd09::11\n");
    // L3DSR arrives by any router, and the server knows its VIPs by their DSCP.
    server.must("nft add table inet lb");
    server.must("nft add chain inet lb in '{ type filter hook prerouting priority raw; }'");
    server.must("nft add rule inet lb in ip dscp 2 ip daddr set 192.0.2.1 notrack");
    server.must("nft add rule inet lb in ip6 dscp 2 ip6 daddr set 2001:db8::1 notrack");
    server.ip("addr add 192.0.2.1/32 dev lo\naddr add 2001:db8::1/128 dev lo\n");
    const HttpServer web(server, "server");
    const std::string link_local_a = router_a.must("sh -c \"ip -j -6 addr show dev eth0 scope link | jq -r .[0].addr_info[0].local\"");
    (void)link_local_a;
}

}  // namespace
}  // namespace culvert::netns
