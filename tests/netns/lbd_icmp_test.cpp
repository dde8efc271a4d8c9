// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::HasSubstr;

/// UDP port 53 of both VIPs. Only lbd answers for them: the frames go to the backend in the encapsulation.
std::string config(std::string_view encap) {
    return fmt::format(R"(
        interfaces: [eth0]
        services:
          - {{name: four, vip: 192.0.2.1, ports: [53/udp], encap: {0}, backends: [{{address: 10.0.0.3}}]}}
          - {{name: six, vip: "2001:db8::1", ports: [53/udp], encap: {0}, backends: [{{address: 10.0.0.3}}]}}
    )",
                       encap);
}

/// A connected UDP socket `s` that reports errors; option numbers are from linux/in.h and linux/in6.h.
constexpr const char* prelude = R"(
import socket, select, sys
vip, six = sys.argv[1], ":" in sys.argv[1]
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
level, DISCOVER, MTU, RECVERR, TTL = (41, 23, 24, 25, 16) if six else (0, 10, 14, 11, 2)
s.settimeout(10)
s.connect((vip, 53))
)";

/// Sends to the VIP with TTL 1 and prints the sender of "time exceeded".
constexpr const char* first_hop = R"(
s.setsockopt(level, RECVERR, 1)
s.setsockopt(level, TTL, 1)
s.send(b"probe")
poll = select.poll()
poll.register(s, select.POLLERR)
assert poll.poll(10000)
(data,) = [data for _, _, data in s.recvmsg(100, 1000, socket.MSG_ERRQUEUE)[1]]
print(socket.inet_ntop(s.family, data[24:40] if six else data[20:24]))
)";

class LbdIcmp : public LbdTest {
  protected:
    std::string client_runs(const std::string& script, const char* vip) {
        client().write("/run/script.py", std::string(prelude) + script);
        return client().must(fmt::format("python3 /run/script.py {}", vip));
    }
};

TEST_F(LbdIcmp, PingIsAnsweredForTheVip) {
    const Balancer lbd(balancer(), config("{type: ipip}"));
    for (const char* vip : {vip4, vip6})
        EXPECT_THAT(client().must(fmt::format("ping -c 1 -W 5 {}", vip)), HasSubstr("1 received"));
    EXPECT_EQ(lbd.counted("echo"), 2U);
}

TEST_F(LbdIcmp, TheFirstHopOfATracerouteIsTheBalancer) {
    const Balancer lbd(balancer(), config("{type: ipip}"));
    EXPECT_EQ(client_runs(first_hop, vip4), "10.0.0.2\n");
    EXPECT_EQ(client_runs(first_hop, vip6), "fd00::2\n");
}

TEST_F(LbdIcmp, ClientsLearnWhatThePathToTheBackendTakes) {
    client().ip("link set eth0 mtu 1500\n");
    const Balancer lbd(balancer(), config("{type: gue, port: 5080}"));
    const std::string script = R"(
s.setsockopt(level, DISCOVER, 2)
s.send(b"x" * 1452)
try: s.recv(100)
except OSError as error: print(error.strerror, s.getsockopt(level, MTU))
)";
    EXPECT_EQ(client_runs(script, vip4), "Message too long 1468\n");
    EXPECT_EQ(client_runs(script, vip6), "Message too long 1468\n");
    EXPECT_EQ(lbd.dropped("too_big"), 2U);
}

TEST_F(LbdIcmp, TheMtuOfTheRouteIsThatOfNow) {
    client().ip("link set eth0 mtu 1500\n");
    const Balancer lbd(balancer(), config("{type: gue, port: 5080}"));
    const std::string script = R"(
s.setsockopt(level, DISCOVER, 2)
s.send(b"x" * 1352)
try: s.recv(100)
except OSError as error: print(s.getsockopt(level, MTU))
)";
    const auto change = [&](const std::string& how, int mtu) {
        balancer().ip(how);
        EXPECT_TRUE(eventually([&] { return lbd.backend("10.0.0.3")["mtu"] == mtu; }));
        client().must("ip route flush cache");
        client().must("ip -6 route flush cache");
    };
    change("route add 10.0.0.3/32 dev eth0 mtu 1360\n", 1360);
    EXPECT_EQ(client_runs(script, vip4), "1328\n");
    EXPECT_EQ(client_runs(script, vip6), "1328\n");
    change("route replace 10.0.0.3/32 dev eth0 mtu 1340\n", 1340);
    EXPECT_EQ(client_runs(script, vip4), "1308\n");
    EXPECT_EQ(client_runs(script, vip6), "1308\n");
    change("route del 10.0.0.3/32 dev eth0\nlink set eth0 mtu 1400\n", 1400);
    EXPECT_EQ(client_runs(script, vip4), "1368\n");
    EXPECT_EQ(client_runs(script, vip6), "1368\n");
}

//   client ──┐
//            ├── switch ── router ── MTU 1400 ── server
//   balancer ┘                                   10.9.0.3, fd09::3
TEST_F(LbdIcmp, WhatARouterTellsOfThePathIsHeeded) {
    const Host router("router"), server("server");
    Switch far("far");
    lan().connect({{router, "eth0", {"10.0.0.11/24", "fd00::b/64"}}});
    far.connect({{router, "eth1", {"10.9.0.11/24", "fd09::b/64"}}, {server, "eth0", {"10.9.0.3/24", "fd09::3/64"}}});
    router.must("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
    router.ip("link set eth1 mtu 1400\n");
    balancer().ip("route add 10.9.0.0/24 via 10.0.0.11\nroute add fd09::/64 via fd00::b\n");
    client().ip("link set eth0 mtu 1500\n");
    const Balancer lbd(balancer(), R"(
        interfaces: [eth0]
        services:
          - {name: four, vip: 192.0.2.1, ports: [53/udp], encap: {type: ipip}, backends: [{address: 10.9.0.3}]}
          - {name: six, vip: "2001:db8::1", ports: [53/udp], encap: {type: gue, port: 5080}, backends: [{address: "fd09::3"}]}
    )");
    const auto has_mtu = [&](const char* backend, int mtu) {
        return eventually([&] { return lbd.backend(backend).value("mtu", 0) == mtu; });
    };
    ASSERT_TRUE(has_mtu("10.9.0.3", 1500) && has_mtu("fd09::3", 1500));
    const std::string large = "s.setsockopt(level, DISCOVER, 2)\ns.send(b'x' * 1400)\n";
    client_runs(large, vip4);
    client_runs(large, vip6);
    EXPECT_TRUE(has_mtu("10.9.0.3", 1400));
    EXPECT_TRUE(has_mtu("fd09::3", 1400));

    const std::string what_is_told = large + "try: s.recv(100)\nexcept OSError: print(s.getsockopt(level, MTU))\n";
    EXPECT_EQ(client_runs(what_is_told, vip4), "1380\n");
    EXPECT_EQ(client_runs(what_is_told, vip6), "1348\n");
}

TEST_F(LbdIcmp, TimeExceededComesFromTheAddressOfNow) {
    const Balancer lbd(balancer(), config("{type: ipip}"));
    client().ip(
        "neigh replace 10.0.0.2 lladdr 02:00:0a:00:00:02 dev eth0\n"
        "neigh replace fd00::2 lladdr 02:00:0a:00:00:02 dev eth0\n");
    balancer().ip(
        "addr del 10.0.0.2/24 dev eth0\naddr add 10.0.0.22/24 dev eth0\n"
        "addr del fd00::2/64 dev eth0\naddr add fd00::22/64 dev eth0\n");
    ASSERT_TRUE(eventually([&] { return lbd.backend("10.0.0.3").value("source", "") == "10.0.0.22"; }));
    EXPECT_EQ(client_runs(first_hop, vip4), "10.0.0.22\n");
    EXPECT_EQ(client_runs(first_hop, vip6), "fd00::22\n");
}

TEST_F(LbdIcmp, FragmentsOfAPacketReachOneBackend) {
    const Balancer lbd(balancer(), R"(
        interfaces: [eth0]
        services:
          - {name: four, vip: 192.0.2.1, ports: [53/udp], encap: {type: l2}, backends: [{address: 10.0.0.3}]}
          - {name: six, vip: "2001:db8::1", ports: [53/udp], encap: {type: l2}, backends: [{address: "fd00::3"}]}
    )");
    for (const char* vip : {vip4, vip6}) {
        backend().write("/run/server.py", R"(
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 53))
print("ready", file=sys.stderr, flush=True)
data, client = s.recvfrom(65535)
s.sendto(str(len(data)).encode(), client)
)");
        Process server = backend().spawn(fmt::format("python3 /run/server.py {}", vip));
        server.wait_for("ready");
        EXPECT_EQ(client_runs("s.send(b'x' * 4000)\nprint(s.recv(100).decode())\n", vip), "4000\n");
    }
    EXPECT_EQ(lbd.dropped("fragment"), 0U);
}

}  // namespace
}  // namespace culvert::netns
