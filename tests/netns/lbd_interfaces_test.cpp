// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::HasSubstr;

constexpr const char* head = R"(
interfaces: [eth0, eth1]
flows: {entries: 64k}
)";

const std::string l2_services = R"(
defaults: {encap: {type: l2}}
services:
  - name: web4
    vip: 192.0.2.1
    ports: [80/tcp]
    health: {type: tcp, interval: 1s, timeout: 1s, rise: 1, fall: 1}
    backends: [{address: 10.9.0.3}]
  - {name: web6, vip: "2001:db8::1", ports: [80/tcp], backends: [{address: "fd09::3"}]}
)";

class LbdInterfaces : public LbdTest {
  protected:
    void SetUp() override {
        LbdTest::SetUp();
        if (IsSkipped()) return;
        far_.emplace(client(), balancer());
    }

    void connect_eth0() { lan().connect({{balancer(), "eth0", {"10.0.0.2/24", "fd00::2/64"}}}); }
    void connect_eth1() { far_->connect(balancer()); }

    void expect_service() {
        EXPECT_EQ(http_get(client(), vip4), "server\n");
        EXPECT_EQ(http_get(client(), vip6), "server\n");
    }
    [[nodiscard]] bool serves() {
        return client().run("curl -s --max-time 1 http://192.0.2.1/").ok() &&
               client().run("curl -s --max-time 1 http://[2001:db8::1]/").ok();
    }

    const Host& server() { return far_->host(); }
    const Switch& far() { return far_->network(); }

  private:
    std::optional<FarServer> far_;
};

bool reaches_all(const Balancer& lbd) { return lbd.reaches("10.9.0.3") && lbd.reaches("fd09::3"); }
bool reaches_none(const Balancer& lbd) { return !lbd.reaches("10.9.0.3") && !lbd.reaches("fd09::3"); }

TEST_F(LbdInterfaces, ABackendBehindAnotherInterface) {
    const Balancer lbd(balancer(), head + l2_services);
    EXPECT_EQ(lbd.backend("10.9.0.3")["interface"], "eth1");
    expect_service();

    balancer().ip("link set eth1 down\n");
    EXPECT_TRUE(eventually([&] { return reaches_none(lbd); }));
    balancer().ip("link set eth1 up\naddr add fd09::2/64 dev eth1\n");
    EXPECT_TRUE(eventually([&] { return reaches_all(lbd) && serves(); }));
}

TEST_F(LbdInterfaces, WhatIsDeletedAndMadeAgainIsBalancedOnAgain) {
    const Balancer lbd(balancer(), head + l2_services);
    const auto interface = [&](int number) { return lbd.show("interfaces")[number]; };
    ASSERT_TRUE(eventually([&] { return lbd.backend("10.9.0.3")["health"] == "up"; }));
    expect_service();

    balancer().ip("link del eth1\n");
    EXPECT_TRUE(eventually([&] { return reaches_none(lbd); }));
    EXPECT_TRUE(eventually([&] { return lbd.backend("10.9.0.3")["health"] == "down"; }));
    EXPECT_FALSE(interface(1).contains("index"));
    EXPECT_THAT(balancer().must("curl -s http://127.0.0.1:9477/metrics"),
                HasSubstr("lbd_interface_up{interface=\"eth1\",xdp=\"none\"} 0\n"));
    EXPECT_FALSE(client().run("curl -s --max-time 1 http://[2001:db8::1]/").ok());
    EXPECT_GT(lbd.dropped("no_route"), 0);
    lbd.reload(head + l2_services);

    connect_eth1();
    EXPECT_TRUE(eventually([&] { return reaches_all(lbd) && lbd.backend("10.9.0.3")["health"] == "up" && serves(); }));
    EXPECT_EQ(interface(1)["xdp"], "native");

    balancer().ip("link del eth0\n");
    connect_eth0();  // possibly before lbd knows that it has vanished
    EXPECT_TRUE(eventually([&] { return lbd.said("interface eth0 exists now") == 1 && serves(); }));
    EXPECT_EQ(interface(0)["xdp"], "native");
    for (const char* name : {"eth0", "eth1"})
        for (const char* what : {"is gone", "exists now"})
            EXPECT_EQ(lbd.said(fmt::format("interface {} {}", name, what)), 1U) << lbd.log();
}

// As at boot, or without the card.
TEST_F(LbdInterfaces, WhatIsNotThereAtTheStartIsWaitedFor) {
    balancer().ip("link del eth0\nlink del eth1\n");
    const Balancer lbd(balancer(), head + l2_services);
    for (const char* name : {"eth0", "eth1"})
        EXPECT_EQ(lbd.said(fmt::format("interface {} does not exist yet: waiting for it", name)), 1U) << lbd.log();
    EXPECT_FALSE(lbd.show("interfaces")[0].contains("index"));
    const Output checked = balancer().run(CULVERT_LBD " run --check -c /run/lbd.yaml");
    EXPECT_EQ(checked.status, 1);
    EXPECT_THAT(checked.err, HasSubstr("balance on eth0: No such device"));
    lbd.reload("interfaces: [eth1, eth0]\nflows: {entries: 64k}\n" + l2_services);  // it waits for them anyway

    connect_eth1();
    EXPECT_TRUE(eventually([&] { return reaches_all(lbd); }));
    connect_eth0();
    EXPECT_TRUE(eventually([&] { return lbd.backend("10.9.0.3")["health"] == "up" && serves(); }));
    for (const auto& interface : lbd.show("interfaces")) EXPECT_EQ(interface["xdp"], "native") << interface;
}

// Operators know it by its name.
TEST_F(LbdInterfaces, AnotherOneTakesTheName) {
    const Balancer lbd(balancer(), head + l2_services);
    expect_service();
    balancer().ip("link set eth1 down\nlink set eth1 name old\n");
    EXPECT_TRUE(eventually([&] { return lbd.said("interface eth1 is gone") == 1; }));
    EXPECT_THAT(balancer().must("ip link show dev old"), testing::Not(HasSubstr("xdp")));
    balancer().ip("link set old name eth1\nlink set eth1 up\naddr add fd09::2/64 dev eth1\n");
    EXPECT_TRUE(eventually([&] { return reaches_all(lbd) && serves(); }));
}

TEST_F(LbdInterfaces, EncapsulatedToAnotherInterface) {
    server().write("/run/realserver.yaml", R"(
balancers: [10.9.0.2, 'fd09::2']
vips: [192.0.2.1, '2001:db8::1']
receive: [{encap: ipip, via: xdp}, {encap: gue, port: 5080, via: xdp}]
)");
    server().must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    const Balancer lbd(balancer(), std::string(head) + R"(
services:
  - {name: web4, vip: 192.0.2.1, ports: [80/tcp], encap: {type: ipip}, backends: [{address: 'fd09::3'}]}
  - {name: web6, vip: '2001:db8::1', ports: [80/tcp], encap: {type: gue, port: 5080}, backends: [{address: 10.9.0.3}]}
)");
    ASSERT_TRUE(eventually([&] { return reaches_all(lbd); }));
    Capture capture(far().host(), "balancer-eth1");
    expect_service();
    const Packets packets = capture.stop();
    EXPECT_GT(packets.count("src host fd09::2 and ip6 proto 4"), 3U);
    EXPECT_GT(packets.count("src host 10.9.0.2 and udp port 5080"), 3U);
}

TEST_F(LbdInterfaces, FromAVlanOfOneToAVlanOfAnother) {
    REQUIRE_MODULE("8021q");
    for (const Host* host : {&balancer(), &server()})  // answers take another path
        host->must("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0");
    client().ip(
        "link add link eth0 name a up type vlan id 10\naddr add 10.1.0.1/24 dev a\naddr add fd01::1/64 dev a\n");
    balancer().ip(
        "link add link eth0 name a up type vlan id 10\naddr add 10.1.0.2/24 dev a\naddr add fd01::2/64 dev a\n"
        "link add link eth1 name b up type vlan id 20\naddr add 10.2.0.2/24 dev b\naddr add fd02::2/64 dev b\n");
    server().ip(
        "link add link eth0 name b up type vlan id 20\naddr add 10.2.0.3/24 dev b\naddr add fd02::3/64 dev b\n");
    client().ip(
        "route replace 192.0.2.1 via 10.1.0.2 src 10.9.0.1\nroute replace 2001:db8::1 via fd01::2 src fd09::1\n");
    const Balancer lbd(balancer(), std::string(head) + R"(
defaults: {encap: {type: l2}}
services:
  - {name: web4, vip: 192.0.2.1, ports: [80/tcp], backends: [{address: 10.2.0.3}]}
  - {name: web6, vip: '2001:db8::1', ports: [80/tcp], backends: [{address: 'fd02::3'}]}
)");
    ASSERT_TRUE(eventually([&] { return lbd.reaches("10.2.0.3") && lbd.reaches("fd02::3"); }));
    Capture capture(far().host(), "balancer-eth1");
    expect_service();
    EXPECT_EQ(lbd.backend("10.2.0.3")["interface"], "eth1");
    const Packets packets = capture.stop();
    EXPECT_GT(packets.count("vlan 20 and dst host 192.0.2.1"), 3U);
    EXPECT_GT(packets.count("vlan 20 and dst host 2001:db8::1"), 3U);
}

}  // namespace
}  // namespace culvert::netns
