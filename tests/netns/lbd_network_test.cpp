// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::HasSubstr;

/// A service for each family. The backend gets frames without encapsulation, so everything depends on its MAC address.
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
    /// Over both families.
    void expect_service() {
        EXPECT_EQ(http_get(client(), vip4), "backend\n");
        EXPECT_EQ(http_get(client(), vip6), "backend\n");
    }

    /// Datagrams to the VIP, without end.
    Process stream() {
        client().write("/run/stream.py", R"(
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    s.sendto(b"datagram", ("192.0.2.1", 53))
    time.sleep(0.002)
)");
        return client().spawn("python3 /run/stream.py");
    }
};

// Neighbour solicitations are sent from a link-local address or not at all, even if ping works.
TEST_F(LbdNetwork, WhatKeepsANextHopUnknownIsNamedWithItsCure) {
    balancer().ip("link set eth0 addrgenmode none\naddr flush dev eth0 scope link\n");
    const Balancer lbd(balancer(), config);
    const std::string cure = "ip addr add fe80::aff:fe00:2/64 dev eth0";
    EXPECT_EQ(lbd.backend("fd00::3")["reason"], "no_neighbour");
    EXPECT_THAT(lbd.backend("fd00::3")["unresolved"].get<std::string>(), HasSubstr(cure));
    EXPECT_THAT(lbd.log(), HasSubstr(cure));
    balancer().must(cure);
    EXPECT_TRUE(eventually([&] { return lbd.reaches("fd00::3"); })) << lbd.backend("fd00::3");
}

TEST_F(LbdNetwork, ABackendThatIsNotThereYetIsFoundWhenItComes) {
    backend().ip("link set eth0 down\n");
    const Balancer lbd(balancer(), config);
    EXPECT_EQ(lbd.backend("10.0.0.3")["reason"], "no_neighbour");
    EXPECT_THAT(lbd.log(), HasSubstr("2 backends (10.0.0.3, fd00::3): not reachable: the MAC address"));
    EXPECT_FALSE(client().run("curl -s --max-time 1 http://192.0.2.1/").ok());
    EXPECT_GT(lbd.dropped("no_neighbour"), 0);

    backend().ip("link set eth0 up\naddr add fd00::3/64 dev eth0\n");
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
        return lbd.backend("10.0.0.3")["mac"] == "02:00:00:00:00:99" &&
               lbd.backend("fd00::3")["mac"] == "02:00:00:00:00:99";
    }));
    expect_service();
}

TEST_F(LbdNetwork, ASecondAfterTheKernelKnowsANewMacAddressNothingGoesToTheFormer) {
    const Balancer lbd(balancer(), R"(
        interfaces: [eth0]
        flows: {entries: 64k}
        services:
          - {name: web, vip: 192.0.2.1, ports: any, encap: {type: l2}, backends: [{address: 10.0.0.3}]}
        )");
    balancer().write("/run/event.py", R"(
import socket, time
events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
RTMGRP_NEIGH = 4
events.bind((0, RTMGRP_NEIGH))
print("listening", flush=True)
while bytes.fromhex("020000000099") not in events.recv(65536): pass
print(time.time())
)");
    Process event = balancer().spawn("python3 /run/event.py");
    event.wait_for("listening\n");
    Capture capture(lan().host(), "balancer-eth0", "dst host 192.0.2.1 and ether src 02:00:0a:00:00:02");
    const Process stream = this->stream();
    const auto forwarded = [&] { return lbd.backend("10.0.0.3")["packets"].get<std::uint64_t>(); };
    ASSERT_TRUE(eventually([&] { return forwarded() > 100; }));

    backend().set_sysctl("net.ipv4.conf.eth0.arp_notify", "1");
    backend().ip("link set eth0 address 02:00:00:00:00:99\n");
    const double known = std::stod(event.wait().out.substr(std::string("listening\n").size()));
    ASSERT_TRUE(eventually([&] { return lbd.backend("10.0.0.3")["mac"] == "02:00:00:00:00:99"; }));
    const std::uint64_t counted = forwarded();
    ASSERT_TRUE(eventually([&] { return forwarded() > counted + 100; }));
    const Packets packets = capture.stop();
    const auto former = packets.lines("ether dst 02:00:0a:00:00:03");
    ASSERT_GT(former.size(), 100U);
    EXPECT_LT(std::stod(former.back()) - known, is_emulated ? 10 : 1);
    EXPECT_GT(packets.count("ether dst 02:00:00:00:00:99"), 100U);
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
    ASSERT_TRUE(eventually([&] { return lbd.reaches("10.0.0.3") && lbd.reaches("fd00::3"); }));

    backend().ip("link set eth0 address 02:00:00:00:00:99\n");
    EXPECT_TRUE(eventually(
        [&] {
            return lbd.backend("10.0.0.3")["mac"] == "02:00:00:00:00:99" &&
                   lbd.backend("fd00::3")["mac"] == "02:00:00:00:00:99";
        },
        Milliseconds{60'000}));  // the kernel checks its managed neighbours every 5 s
    expect_service();
}

TEST_F(LbdNetwork, TheAddressOfABackendThatIsGoneIsUsedNoMore) {
    const HttpServer web(backend(), "backend");
    for (const std::string name : {"base_reachable_time_ms", "retrans_time_ms", "interval_probe_time_ms"})
        balancer().set_sysctl("net.ipv4.neigh.eth0." + name, "200");
    balancer().set_sysctl("net.ipv4.neigh.eth0.delay_first_probe_time", "1");
    const Balancer lbd(balancer(), config);
    ASSERT_TRUE(eventually([&] { return lbd.reaches("10.0.0.3"); }));

    backend().ip("link set eth0 down\n");
    EXPECT_TRUE(eventually([&] { return lbd.backend("10.0.0.3")["reason"] == "no_neighbour"; }));
    EXPECT_TRUE(eventually([&] { return lbd.log().find("10.0.0.3: not reachable") != std::string::npos; }));
}

//   client ───┐          ┌─ router a ─┐
//             │          │  10.0.0.11 │  far
//   balancer ─┼─ switch ─┤            ├─ switch ─ server
//             │          │  router b  │           10.9.0.3, fd09::3
//             │          └─ 10.0.0.12 ┘
TEST_F(LbdNetwork, RoutesAreFollowed) {
    const Host router_a("a"), router_b("b"), server("server");
    Switch far("far");
    lan().connect(
        {{router_a, "eth0", {"10.0.0.11/24", "fe80::11/64"}}, {router_b, "eth0", {"10.0.0.12/24", "fe80::12/64"}}});
    far.connect({{router_a, "eth1", {"10.9.0.11/24", "fd09::11/64"}},
                 {router_b, "eth1", {"10.9.0.12/24", "fd09::12/64"}},
                 {server, "eth0", {"10.9.0.3/24", "fd09::3/64"}}});
    for (const Host* router : {&router_a, &router_b}) {
        router->set_sysctl("net.ipv4.ip_forward", "1");
        router->set_sysctl("net.ipv6.conf.all.forwarding", "1");
        router->must(
            "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0");  // answers come from VIPs
        router->ip("route add fd00::1 dev eth0\n");
    }
    server.ip(
        "addr add 192.0.2.1/32 dev lo\naddr add 2001:db8::1/128 dev lo\n"
        "route add default via 10.9.0.11\nroute add default via fd09::11\n");
    server.must("nft add table inet lb");
    server.must("nft add chain inet lb in '{ type filter hook prerouting priority raw; }'");
    server.must("nft add rule inet lb in ip dscp 2 ip daddr set 192.0.2.1 notrack");
    server.must("nft add rule inet lb in ip6 dscp 2 ip6 daddr set 2001:db8::1 notrack");
    const HttpServer web(server, "server");

    const Balancer lbd(balancer(), R"(
        interfaces: [eth0]
        flows: {entries: 64k}
        defaults: {encap: {type: l3dsr, dscp: 2}}
        services:
          - {name: web4, vip: 192.0.2.1, ports: [80/tcp], backends: [{address: 10.9.0.3}]}
          - {name: web6, vip: "2001:db8::1", ports: [80/tcp], backends: [{address: "fd09::3"}]}
        )");
    const auto eventually_by = [&](const std::string& mac) {
        EXPECT_TRUE(
            eventually([&] { return lbd.backend("10.9.0.3")["mac"] == mac && lbd.backend("fd09::3")["mac"] == mac; }));
        EXPECT_EQ(http_get(client(), vip4), "server\n");
        EXPECT_EQ(http_get(client(), vip6), "server\n");
    };
    EXPECT_EQ(lbd.backend("10.9.0.3")["reason"], "no_route");
    EXPECT_EQ(lbd.backend("fd09::3")["reason"], "no_route");

    balancer().ip("route add 10.9.0.0/24 via 10.0.0.11\nroute add fd09::/64 via fe80::11 dev eth0\n");
    eventually_by("02:00:0a:00:00:0b");
    balancer().ip("route replace 10.9.0.0/24 via 10.0.0.12\nroute replace fd09::/64 via fe80::12 dev eth0\n");
    eventually_by("02:00:0a:00:00:0c");

    balancer().ip("route replace blackhole 10.9.0.0/24\nroute replace blackhole fd09::/64\n");
    EXPECT_TRUE(eventually([&] {
        return lbd.backend("10.9.0.3")["reason"] == "no_route" && lbd.backend("fd09::3")["reason"] == "no_route";
    }));
}

// The kernel reports none of these changes but that of the link.
TEST_F(LbdNetwork, TheMtuOfIPv6IsFollowed) {
    const Balancer lbd(balancer(), config);
    const auto are = [&](int four, int six) {
        return eventually([&] {
            return lbd.backend("10.0.0.3").value("mtu", 0) == four && lbd.backend("fd00::3").value("mtu", 0) == six;
        });
    };
    EXPECT_TRUE(are(1500, 1500));
    balancer().set_sysctl("net.ipv6.conf.eth0.mtu", "1400");
    EXPECT_TRUE(are(1500, 1400)) << lbd.backend("fd00::3");

    balancer().set_sysctl("net.ipv6.conf.eth0.accept_ra", "2");
    backend().must(R"(python3 -c '
import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
advertisement = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 0, 0, 0)
mtu = struct.pack("!BBHI", 5, 1, 0, 1300)
s.sendto(advertisement + mtu, ("ff02::1", 0, 0, socket.if_nametoindex("eth0")))')");
    EXPECT_TRUE(are(1500, 1300)) << lbd.backend("fd00::3");

    balancer().ip("link set eth0 mtu 1450\n");
    EXPECT_TRUE(are(1450, 1450)) << lbd.backend("fd00::3");
    balancer().set_sysctl("net.ipv6.conf.eth0.mtu", "1350");
    EXPECT_TRUE(are(1450, 1350)) << lbd.backend("fd00::3");
}

TEST_F(LbdNetwork, EveryKindOfRoute) {
    const Host a("a"), b("b");
    lan().connect({{a, "eth0", {"10.0.0.11/24", "fd00::b/64", "fe80::b/64"}}, {b, "eth0", {"10.0.0.12/24"}}});
    const std::string mac_a = "02:00:0a:00:00:0b", mac_b = "02:00:0a:00:00:0c";
    const Balancer lbd(balancer(), R"(
        interfaces: [eth0]
        flows: {entries: 64k}
        services:
          - {name: web, vip: 192.0.2.1, ports: [80/tcp], encap: {type: ipip}, backends: [{address: 10.9.0.3}]}
        )");
    const auto goes_by = [&](const std::string& mac) {
        return eventually([&] { return lbd.backend("10.9.0.3").value("mac", "") == mac; });
    };
    const auto has_no_route = [&] {
        return eventually([&] { return lbd.backend("10.9.0.3").value("reason", "") == "no_route"; });
    };
    EXPECT_TRUE(has_no_route());

    // A next hop object, which routes refer to. The kernel doesn't report routes that vanish with it.
    balancer().ip("nexthop add id 7 via 10.0.0.11 dev eth0\nroute add 10.9.0.0/24 nhid 7\n");
    EXPECT_TRUE(goes_by(mac_a));
    balancer().ip("nexthop replace id 7 via 10.0.0.12 dev eth0\n");
    EXPECT_TRUE(goes_by(mac_b));
    balancer().ip("nexthop del id 7\n");
    EXPECT_TRUE(has_no_route());

    // An IPv6 gateway for IPv4, RFC 8950.
    balancer().ip("route add 10.9.0.0/24 via inet6 fe80::b dev eth0\n");
    EXPECT_TRUE(goes_by(mac_a));
    // A gateway outside all prefixes of the link.
    b.ip("addr add 10.77.0.1/32 dev lo\n");
    balancer().ip("route replace 10.9.0.0/24 via 10.77.0.1 dev eth0 onlink\n");
    EXPECT_TRUE(goes_by(mac_b));
    // The kernel selects one of several hops for this address; never a dead one.
    balancer().ip("route replace 10.9.0.0/24 nexthop via 10.0.0.11 nexthop via 10.0.0.12\n");
    EXPECT_TRUE(eventually([&] {
        const auto status = lbd.backend("10.9.0.3");
        return status.value("mac", "") == mac_a || status.value("mac", "") == mac_b;
    }));
    // A rule that selects another table.
    balancer().ip("route add 10.9.0.0/24 via 10.0.0.11 table 9\nrule add to 10.9.0.0/24 lookup 9\n");
    EXPECT_TRUE(goes_by(mac_a));
    balancer().ip("route replace 10.9.0.0/24 via 10.0.0.12 table 9\n");
    EXPECT_TRUE(goes_by(mac_b));
}

TEST_F(LbdNetwork, AnAddressOfItsOwnThatChangesWhilePacketsFlow) {
    client().ip("neigh replace 10.0.0.2 lladdr 02:00:0a:00:00:02 dev eth0\n");
    const Balancer lbd(balancer(), R"(
        interfaces: [eth0]
        flows: {entries: 64k}
        services:
          - {name: web, vip: 192.0.2.1, ports: any, encap: {type: ipip}, backends: [{address: 10.0.0.3}]}
        )");
    Capture capture(lan().host(), "balancer-eth0");
    const Process stream = this->stream();
    const auto forwarded = [&] { return lbd.backend("10.0.0.3")["packets"].get<std::uint64_t>(); };
    ASSERT_TRUE(eventually([&] { return forwarded() > 100; }));

    balancer().ip("addr del 10.0.0.2/24 dev eth0\naddr add 10.0.0.23/24 dev eth0\n");
    ASSERT_TRUE(eventually([&] { return lbd.backend("10.0.0.3").value("source", "") == "10.0.0.23"; }));
    EXPECT_GT(capture.stop().count("src host 10.0.0.2 and ip proto 4"), 100U);
    Capture afterwards(lan().host(), "balancer-eth0", "ip proto 4");
    const std::uint64_t counted = forwarded();
    ASSERT_TRUE(eventually([&] { return forwarded() > counted + 100; }));
    const Packets packets = afterwards.stop();
    EXPECT_EQ(packets.count("src host 10.0.0.2"), 0U);
    EXPECT_GT(packets.count("src host 10.0.0.23"), 100U);
    EXPECT_EQ(lbd.show("flows")["used"], 1);  // unchanged: the program is another, the table is not
}

TEST_F(LbdNetwork, AnInterfaceThatIsNotBalancedOn) {
    Switch far("far");
    far.connect({{balancer(), "eth1", {"10.9.0.2/24"}}});
    const Balancer lbd(balancer(), R"(
        interfaces: [eth0]
        flows: {entries: 64k}
        services:
          - {name: web, vip: 192.0.2.1, ports: [80/tcp], encap: {type: l2}, backends: [{address: 10.9.0.3}]}
        )");
    EXPECT_EQ(lbd.backend("10.9.0.3")["reason"], "no_interface");
}

}  // namespace
}  // namespace culvert::netns
