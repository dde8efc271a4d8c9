// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

//   client ──── switch ──── balancer        all of it untagged (10.0.0.0/24), also the answers;
//   VLAN a        │         VLANs a and b   VLAN a is 10.1.0.0/24, fd01::/64; VLAN b is 10.2.0.0/24, fd02::/64
//              backend
//              VLAN b
class LbdVlan : public LanTest {
  protected:
    void SetUp() override {
        LanTest::SetUp();
        if (IsSkipped()) return;
        REQUIRE_MODULE("8021q");
        REQUIRE_MODULE("sit");
        for (const Host* host : {&client(), &balancer(), &backend()})
            host->must("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0");
        client().must("sysctl -qw net.ipv4.conf.eth0.rp_filter=0");
        backend().ip(fmt::format("addr add {}/32 dev lo\naddr add {}/128 dev lo\nlink set sit0 up\n", vip4, vip6));
        backend().must("sysctl -qw net.ipv4.conf.sit0.rp_filter=0");
    }

    /// `tag`: arguments of `ip link add … type vlan`.
    static void add_vlan(const Host& host, const std::string& device, const std::string& on, const std::string& tag) {
        host.ip(fmt::format("link add link {} name {} up type vlan {}\n", on, device, tag));
    }
    static void give_address(const Host& host, const std::string& device, int network, int number) {
        host.ip(fmt::format("addr add 10.{0}.0.{1}/24 dev {2}\naddr add fd0{0}::{1}/64 dev {2}\n", network, number,
                            device));
    }
    void route_vips_by(const std::string& device) {
        client().ip(
            fmt::format("route add {} via 10.1.0.2 dev {} src 10.0.0.1 mtu 1400\n"
                        "route add {} via fd01::2 dev {} src fd00::1 mtu 1400\n",
                        vip4, device, vip6, device));
    }

    /// IPv4 without encapsulation, IPv6 in an IPv4 tunnel.
    static constexpr const char* config = R"(
        interfaces: [eth0]
        flows: {entries: 64k}
        services:
          - {name: web4, vip: 192.0.2.1, ports: [80/tcp], encap: {type: l2}, backends: [{address: 10.2.0.3}]}
          - {name: web6, vip: "2001:db8::1", ports: [80/tcp], encap: {type: ipip}, backends: [{address: 10.2.0.3}]}
        )";
};

/// The frames to the backend, for tcpdump.
std::string sent_by_balancer(const std::string& tags) { return "ether src 02:00:0a:00:00:02 and " + tags; }

TEST_F(LbdVlan, TheTagBecomesTheBackends) {
    add_vlan(client(), "a", "eth0", "id 10");
    add_vlan(balancer(), "a", "eth0", "id 10");
    add_vlan(balancer(), "b", "eth0", "id 20");
    add_vlan(backend(), "b", "eth0", "id 20");
    give_address(client(), "a", 1, 1);
    give_address(balancer(), "a", 1, 2);
    give_address(balancer(), "b", 2, 2);
    give_address(backend(), "b", 2, 3);
    route_vips_by("a");
    const HttpServer web(backend(), "backend");
    const Balancer lbd(balancer(), config);
    Capture capture(lan().host(), "balancer-eth0");

    http_put(client(), vip4, "four", noise(100'000));
    EXPECT_EQ(web.uploaded("four"), noise(100'000));
    http_put(client(), vip6, "six", noise(100'000));
    EXPECT_EQ(web.uploaded("six"), noise(100'000));

    EXPECT_EQ(lbd.backend("10.2.0.3")["vlans"], nlohmann::json({20}));
    const Packets packets = capture.stop();
    EXPECT_GT(packets.count(sent_by_balancer("vlan 20 and dst host 192.0.2.1")), 50U);
    EXPECT_GT(packets.count(sent_by_balancer("vlan 20 and ip proto 41")), 50U);
    EXPECT_EQ(packets.count(sent_by_balancer("vlan 10 and tcp")), 0U);
}

TEST_F(LbdVlan, TwoTagsBecomeTheBackendsTwo) {
    for (const Host* host : {&client(), &balancer(), &backend()})
        add_vlan(*host, "outer", "eth0", "proto 802.1ad id 5");
    add_vlan(client(), "a", "outer", "id 10");
    add_vlan(balancer(), "a", "outer", "id 10");
    add_vlan(balancer(), "b", "outer", "id 20");
    add_vlan(backend(), "b", "outer", "id 20");
    give_address(client(), "a", 1, 1);
    give_address(balancer(), "a", 1, 2);
    give_address(balancer(), "b", 2, 2);
    give_address(backend(), "b", 2, 3);
    route_vips_by("a");
    const HttpServer web(backend(), "backend");
    const Balancer lbd(balancer(), config);
    Capture capture(lan().host(), "balancer-eth0");

    EXPECT_EQ(http_get(client(), vip4), "backend\n");
    EXPECT_EQ(http_get(client(), vip6), "backend\n");

    EXPECT_EQ(lbd.backend("10.2.0.3")["vlans"], nlohmann::json({5, 20}));
    const Packets packets = capture.stop();
    EXPECT_GT(packets.count(sent_by_balancer("ether[12:2] = 0x88a8 and vlan 5 and vlan 20")), 8U);
}

TEST_F(LbdVlan, AVlanThatComesWhilePacketsFlowIsTakenAtOnce) {
    backend().ip("addr add 10.2.0.3/24 dev eth0\n");
    balancer().ip("addr add 10.2.0.2/24 dev eth0\n");
    client().ip(fmt::format("route add {} via 10.0.0.2 mtu 1400\nroute add {} via fd00::2 mtu 1400\n", vip4, vip6));
    const HttpServer web(backend(), "backend");
    const Balancer lbd(balancer(), config);
    const auto answers = [&] {
        return client().run("curl -s --max-time 1 http://192.0.2.1/").ok() &&
               client().run("curl -s --max-time 1 http://[2001:db8::1]/").ok();
    };
    ASSERT_TRUE(answers());
    const auto flows_before = lbd.backend("10.2.0.3")["new_flows"].get<int>();
    Capture capture(lan().host(), "balancer-eth0");

    add_vlan(balancer(), "b", "eth0", "id 20");
    add_vlan(backend(), "b", "eth0", "id 20");
    balancer().ip("addr del 10.2.0.2/24 dev eth0\naddr add 10.2.0.2/24 dev b\n");
    backend().ip("addr del 10.2.0.3/24 dev eth0\naddr add 10.2.0.3/24 dev b\n");
    EXPECT_TRUE(eventually([&] { return lbd.backend("10.2.0.3")["vlans"] == nlohmann::json({20}); }));
    EXPECT_TRUE(eventually(answers));
    EXPECT_GT(lbd.backend("10.2.0.3")["new_flows"], flows_before);  // the same maps
    EXPECT_GT(capture.stop().count(sent_by_balancer("vlan 20 and dst host 192.0.2.1")), 3U);

    balancer().ip("link del dev b\naddr add 10.2.0.2/24 dev eth0\n");
    backend().ip("link del dev b\naddr add 10.2.0.3/24 dev eth0\n");
    EXPECT_TRUE(
        eventually([&] { return lbd.reaches("10.2.0.3") && !lbd.backend("10.2.0.3").contains("vlans") && answers(); }));
}

}  // namespace
}  // namespace culvert::netns
