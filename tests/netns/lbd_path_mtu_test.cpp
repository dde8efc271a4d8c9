// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cstdlib>
#include <set>
#include <vector>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::HasSubstr;

/// One for each encapsulation, of either family in either: UDP port `port` of the VIP goes to `backend`.
struct Tunnel {
    std::string encap;
    const char* vip;
    std::string backend;
    int port;
};

std::vector<Tunnel> all_tunnels() {
    std::vector<Tunnel> tunnels;
    int number = 10;
    for (const char* encap : {"{type: ipip}", "{type: gre}", "{type: fou, port: 5004}", "{type: gue, port: 5080}",
                              "{type: gue, port: 5081, inner: gre}", "{type: geneve, vni: 666}"})
        for (const char* vip : {vip4, vip6})
            for (const char* network : {"10.9.0.", "fd09::"})
                tunnels.push_back(
                    {.encap = encap, .vip = vip, .backend = network + std::to_string(number), .port = 5000 + number++});
    return tunnels;
}

std::string config_of(const std::vector<Tunnel>& tunnels, std::string_view more = "") {
    std::string config = "interfaces: [eth0]\nflows: {entries: 64k}\nservices:\n";
    for (const auto& [encap, vip, backend, port] : tunnels)
        config += fmt::format(
            "  - {{name: s{3}, vip: \"{1}\", ports: [{3}/udp], encap: {0}, backends: [{{address: \"{2}\"}}]}}\n", encap,
            vip, backend, port);
    return config.append(more);
}

/// Forges ICMP for 10.0.0.2 and fd00::2, the balancer, from packets in hexadecimal.
constexpr const char* forge = R"(
import socket, struct, time
def checksum(data):
    if len(data) % 2: data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
def ip4(src, dst, proto, body, ident=0, total=None, ttl=64):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, total or 20 + len(body), ident, 0x4000, ttl, proto, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body
def ip6(src, dst, proto, body, label=0, payload=None, ttl=64):
    return struct.pack("!IHBB", 6 << 28 | label, payload or len(body), proto, ttl) + \
        socket.inet_pton(10, src) + socket.inet_pton(10, dst) + body
def icmp4(kind, code, word, quote, src="203.0.113.66"):
    body = struct.pack("!BBHI", kind, code, 0, word) + quote
    return ip4(src, "10.0.0.2", 1, body[:2] + struct.pack("!H", checksum(body)) + body[4:])
def icmp6(kind, word, quote, src="2001:db8:bad::66", ttl=64):
    body = struct.pack("!BBHI", kind, 0, 0, word) + quote
    pseudo = socket.inet_pton(10, src) + socket.inet_pton(10, "fd00::2") + struct.pack("!II", len(body), 58)
    return ip6(src, "fd00::2", 58, body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:], ttl=ttl)
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("eth0", 0))
def send(packet):
    kind = 0x0800 if packet[0] >> 4 == 4 else 0x86dd
    wire.send(bytes.fromhex("02000a000002 02000a000042") + struct.pack("!H", kind) + packet)
)";

//   client ────┐
//   stranger ──┤ switch ── router ── MTU 1400 ── far
//   balancer ──┘         10.0.0.11             10.9.0.0/24, fd09::/64: nobody is there
//                        fd00::b, fe80::b
class LbdPathMtu : public LbdTest {
  protected:
    void SetUp() override {
        LbdTest::SetUp();
        if (IsSkipped()) return;
        router_.emplace("router");
        stranger_.emplace("stranger");
        far_host_.emplace("far");
        lan().connect({{router(), "eth0", {"10.0.0.11/24", "fd00::b/64", "fe80::b/64"}},
                       {stranger(), "eth0", {"10.0.0.66/24", "fd00::42/64", "fe80::42/64"}}});
        connect({router(), "eth1", {"10.9.0.1/24", "fd09::1/64"}}, {*far_host_, "eth0"});
        router().must("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
        // Without a limit on its ICMP errors.
        router().must("sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0");
        router().ip("link set eth1 mtu 1400\n");
        // Otherwise it would not receive packets from strangers on other networks at all.
        balancer().must("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0");
        balancer().ip("route add 10.9.0.0/24 via 10.0.0.11\nroute add fd09::/64 via fe80::b dev eth0\n");
        client().ip("link set eth0 mtu 1500\n");
    }

    const Host& router() { return *router_; }
    const Host& stranger() { return *stranger_; }

    /// A datagram of `size` bytes in an IP packet, to each of the services, always from the same port.
    void client_sends(const std::vector<Tunnel>& tunnels, int size) {
        std::string script = R"(
import socket
def send(vip, port, size):
    six = ":" in vip
    s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(41 if six else 0, 23 if six else 10, 3)  # IP_PMTUDISC_PROBE: whatever has been told
    s.bind(("", 40000))
    s.sendto(b"x" * (size - (48 if six else 28)), (vip, port))
)";
        for (const Tunnel& tunnel : tunnels)
            script += fmt::format("send(\"{}\", {}, {})\n", tunnel.vip, tunnel.port, size);
        client().write("/run/send.py", script);
        client().must("python3 /run/send.py");
    }

    void stranger_runs(const std::string& script) {
        stranger().write("/run/forge.py", forge + script);
        stranger().must("python3 /run/forge.py", {}, Milliseconds{300'000});
    }

    static bool all_have(const Balancer& lbd, int mtu) {
        for (const auto& backend : lbd.show("backends"))
            if (backend.value("mtu", 0) != mtu) return false;
        return true;
    }

    /// The tunnels with another path MTU, for the failure message.
    static std::vector<std::string> others_than(const Balancer& lbd, int mtu) {
        std::vector<std::string> others;
        for (const auto& backend : lbd.show("backends"))
            if (backend.value("mtu", 0) != mtu) others.push_back(backend.dump());
        return others;
    }

    /// A change that makes lbd read all routes again.
    void have_routes_asked_for(const Balancer& lbd) {
        balancer().ip("addr add 10.0.0.22/24 dev eth0\nroute replace 10.9.0.0/24 via 10.0.0.11 src 10.0.0.22\n");
        ASSERT_TRUE(eventually([&] {
            for (const auto& backend : lbd.show("backends"))
                if (backend.value("name", "").starts_with("10.9.") && backend.value("source", "") == "10.0.0.2")
                    return false;
            return true;
        }));
    }

  private:
    std::optional<Host> router_, stranger_, far_host_;
};

TEST_F(LbdPathMtu, IsLearntFromARouterForEveryEncapsulation) {
    const auto tunnels = all_tunnels();
    const Balancer lbd(balancer(), config_of(tunnels));
    ASSERT_TRUE(eventually([&] { return all_have(lbd, 1500); }));

    client_sends(tunnels, 1400);
    EXPECT_TRUE(eventually([&] { return all_have(lbd, 1400); }));
    EXPECT_THAT(others_than(lbd, 1400), testing::IsEmpty());
    EXPECT_THAT(lbd.log(), HasSubstr("path MTU 1400 for 10 minutes, as router 10.0.0.11 reported"));
    EXPECT_THAT(balancer().must("ip route get 10.9.0.10"), testing::Not(HasSubstr("mtu")));

    // Packets that fit are forwarded. Clients are told the path MTU for longer ones.
    const auto forwarded = [&] {
        std::uint64_t packets = 0;
        for (const auto& backend : lbd.show("backends")) packets += backend["packets"].get<std::uint64_t>();
        return packets;
    };
    const auto before = forwarded();
    client_sends(tunnels, 1330);
    EXPECT_TRUE(eventually([&] { return forwarded() == before + tunnels.size(); }));
    const auto dropped = lbd.dropped("too_big");
    client_sends(tunnels, 1400);
    EXPECT_TRUE(eventually([&] { return lbd.dropped("too_big") == dropped + tunnels.size(); }));

    // Another next hop is another path.
    const Host other("other");
    lan().connect({{other, "eth0", {"10.0.0.12/24"}}});
    balancer().ip("route replace 10.9.0.0/24 via 10.0.0.12\n");
    EXPECT_TRUE(eventually([&] { return lbd.backend("10.9.0.10").value("mtu", 0) == 1500; }));
}

TEST_F(LbdPathMtu, OneThatIsTooLowToBeBelievedIsTakenFromTheRoute) {
    SCOPED_TRACE("cure of path_mtu_too_low");
    const std::vector<Tunnel> tunnels{all_tunnels().front()};
    const Balancer lbd(balancer(), config_of(tunnels));
    router().ip("link set eth1 mtu 600\n");
    const auto narrow = [&] {
        return lbd.said(
            "router 10.0.0.11 reported; the router reported 600, but lbd accepts no less: if that is right, set the "
            "mtu of the route");
    };
    EXPECT_TRUE(eventually([&] {
        client_sends(tunnels, 1200);
        return narrow() == 1;
    })) << lbd.log();
    balancer().ip("route replace 10.9.0.0/24 via 10.0.0.11 mtu 600\n");
    EXPECT_TRUE(eventually([&] { return all_have(lbd, 600); })) << lbd.log();
    const auto told = lbd.counted("too_big_sent");
    client_sends(tunnels, 1200);
    EXPECT_TRUE(eventually([&] { return lbd.counted("too_big_sent") == told + 1; })) << lbd.log();
    EXPECT_EQ(narrow(), 1U);
}

// The stranger knows everything that is not secret: addresses, ports, encapsulations, and a client's flow, which is its
// own. It sends all of it, in the shortest and in the longest form, correct and incorrect.
TEST_F(LbdPathMtu, WhatStrangersForgeChangesNothing) {
    auto tunnels = all_tunnels();
    const HttpServer web(backend(), "backend");
    const Balancer lbd(balancer(), config_of(tunnels, R"(
  - {name: on_link, vip: 192.0.2.1, ports: [80/tcp], encap: {type: l2}, health: {type: http, interval: 500ms},
     backends: [{address: 10.0.0.3}]}
)"));
    ASSERT_TRUE(eventually([&] { return lbd.backend("10.0.0.3").value("health", "") == "up"; }));
    ASSERT_TRUE(eventually([&] { return all_have(lbd, 1500); }));
    client_sends(tunnels, 1300);
    const auto ways = [&] {
        std::set<std::string> all;
        for (const auto& backend : lbd.show("backends"))
            all.insert(fmt::format("{} {} {} {} {}", backend["name"].dump(), backend.value("mtu", 0),
                                   backend.value("mac", ""), backend.value("source", ""), backend.value("health", "")));
        return all;
    };
    const auto before = ways();

    const int seconds = std::getenv("CULVERT_VM") == nullptr ? 60 : 5;
    std::string script = fmt::format("seconds = {}\nbackends = {{}}\n", seconds);
    for (const Tunnel& tunnel : tunnels)
        script += fmt::format("backends[\"{}\"] = (\"{}\", {}, \"{}\")\n", tunnel.backend, tunnel.vip, tunnel.port,
                              tunnel.encap);
    stranger_runs(script + R"(
def client(vip, port, size):
    six = ":" in vip
    size -= 48 if six else 28
    body = struct.pack("!HHHH", 40000, port, 8 + size, 0x1111) + b"x" * size
    return ip6("fd00::1", vip, 17, body) if six else ip4("10.0.0.1", vip, 17, body)
def shims(encap, source_port, inner):
    six = inner[0] >> 4 == 6
    proto, ethertype = (41, 0x86dd) if six else (4, 0x0800)
    gre = struct.pack("!HH", 0, ethertype)
    udp = lambda port, rest: struct.pack("!HHHH", source_port, port, 8 + len(rest) + len(inner), 0) + rest
    if "ipip" in encap: return proto, b""
    if "type: gre" in encap: return 47, gre
    if "fou" in encap: return 17, udp(5004, b"")
    if "inner: gre" in encap: return 17, udp(5081, struct.pack("!BBH", 0, 47, 0) + gre)
    if "gue" in encap: return 17, udp(5080, struct.pack("!BBH", 0, proto, 0))
    return 17, udp(6081, struct.pack("!HHI", 0, 0x6558, 666 << 8) + b"\2" * 12 + struct.pack("!H", ethertype))
def tell(outer, mtu, size):
    return icmp4(3, 4, mtu, outer[:size]) if outer[0] >> 4 == 4 else icmp6(2, mtu, outer[:size])
forged = []
for mtu in (68, 576, 1280, 1399):
    for dst, (vip, port, encap) in list(backends.items()) + [("10.0.0.3", ("192.0.2.1", 80, "ipip")),
                                                              ("fd00::3", ("192.0.2.1", 80, "ipip"))]:
        for source_port, ident, label in ((1, 0, 0), (0xc000, 1, 1), (0xffff, 0xffff, 0xfffff)):
            for inner in (client(vip, port, 1400), client(vip, port + 1000, 1400), b"\x45" + b"\0" * 1399):
                proto, shim = shims(encap, source_port, inner)
                for kind in (proto, 4, 41, 47, 17):
                    body = shim + inner
                    outer = ip6("fd00::2", dst, kind, body, label) if ":" in dst else \
                        ip4("10.0.0.2", dst, kind, body, ident)
                    for size in (28, 48, 548):
                        forged.append(tell(outer, mtu, size))
        # These the kernel heeds of anybody: quotations of echoes, of IPv4's of replies (icmp_err in net/ipv4/icmp.c).
        if ":" in dst:
            forged.append(icmp6(2, max(mtu, 1280), ip6("fd00::2", dst, 58, struct.pack("!BBHI", 128, 0, 0, 0) + b"x" * 1400)))
        else:
            forged.append(icmp4(3, 4, mtu, ip4("10.0.0.2", dst, 1, struct.pack("!BBHI", 0, 0, 0, 0) + b"x" * 1400)))
start = time.monotonic()
for number in range(1000 * seconds):
    send(forged[number * 7919 % len(forged)])
    time.sleep(max(0, start + number / 1000 - time.monotonic()))
)");
    // The kernel has believed some of it, but lbd has not.
    EXPECT_THAT(balancer().must("ip route get 10.9.0.10"), HasSubstr("mtu"));
    EXPECT_THAT(balancer().must("ip -6 route get fd09::11"), HasSubstr("mtu 1280"));
    EXPECT_EQ(ways(), before);
    EXPECT_EQ(lbd.said("path MTU"), 0U);
    have_routes_asked_for(lbd);
    EXPECT_TRUE(eventually([&] { return all_have(lbd, 1500); }));
    EXPECT_THAT(others_than(lbd, 1500), testing::IsEmpty());
    EXPECT_EQ(lbd.backend("10.0.0.3").value("health", ""), "up");

    const auto are_narrow = [&] {
        client_sends(tunnels, 1400);                // as clients do that get no answer
        return others_than(lbd, 1400).size() == 1;  // the one on the link
    };
    EXPECT_TRUE(eventually(are_narrow)) << testing::PrintToString(others_than(lbd, 1400)) << lbd.log();
}

// A router reports several packets in a row. Here the stranger guesses a secret of 16 or 20 bits.
TEST_F(LbdPathMtu, IsLearntFromARouterAmidAFloodOfGuesses) {
    const std::vector<Tunnel> tunnels{{"{type: ipip}", vip4, "10.9.0.3", 53}, {"{type: ipip}", vip4, "fd09::3", 54}};
    const Balancer lbd(balancer(), config_of(tunnels));
    ASSERT_TRUE(eventually([&] { return all_have(lbd, 1500); }));
    stranger().write("/run/forge.py", std::string(forge) + R"(
import itertools, random
inner = ip4("10.0.0.1", "192.0.2.1", 17, struct.pack("!HHHH", 40000, 54, 1372, 0) + b"x" * 1364)
start = time.monotonic()
for number in itertools.count():
    secret = random.randrange(1, 1 << 16)
    send(icmp4(3, 4, 1300, ip4("10.0.0.2", "10.9.0.3", 4, inner, secret)[:28]))
    send(icmp6(2, 1300, ip6("fd00::2", "fd09::3", 4, inner, secret << 4)[:548]))
    if number == 2000: print("flooded", flush=True)
    time.sleep(max(0, start + number / 1000 - time.monotonic()))
)");
    const Process flood = stranger().spawn("python3 /run/forge.py");
    flood.wait_for("flooded");
    const auto are_narrow = [&] {
        for (int packet = 0; packet < 10; ++packet) client_sends(tunnels, 1400);
        return all_have(lbd, 1400);
    };
    EXPECT_TRUE(eventually(are_narrow)) << testing::PrintToString(others_than(lbd, 1400)) << lbd.log();
    EXPECT_EQ(lbd.said("path MTU 1300"), 0U);
}

TEST_F(LbdPathMtu, ForgedRedirectsAreNotFollowed) {
    const std::vector<Tunnel> tunnels{{"{type: gue, port: 5080}", vip4, "10.9.0.3", 53},
                                      {"{type: gue, port: 5080}", vip4, "fd09::3", 54}};
    const Balancer lbd(balancer(), config_of(tunnels));
    const std::string router_mac = lbd.backend("10.9.0.3").value("mac", "");
    ASSERT_EQ(router_mac, "02:00:0a:00:00:0b");
    stranger_runs(R"(
echo = struct.pack("!BBHI", 0, 0, 0, 0) + b"x" * 8  # a reply: others the kernel takes for a socket's
udp = struct.pack("!HHHH", 0xc000, 5080, 500, 0) + b"x" * 8
(stranger,) = struct.unpack("!I", socket.inet_aton("10.0.0.66"))
for proto, body in ((1, echo), (17, udp)) * 5:  # at first the kernel asks for the new gateway's MAC address
    time.sleep(0.05)
    send(icmp4(5, 1, stranger, ip4("10.0.0.2", "10.9.0.3", proto, body), src="10.0.0.11"))
    quote = ip6("fd00::2", "fd09::3", 58 if proto == 1 else proto, (b"\x80" + body[1:]) if proto == 1 else body)
    quote += b"\0" * (-len(quote) % 8)
    link_layer = bytes.fromhex("0201 02000a000042")
    redirected = bytes([4, (8 + len(quote)) // 8]) + b"\0" * 6 + quote
    body = socket.inet_pton(10, "fe80::42") + socket.inet_pton(10, "fd09::3") + link_layer + redirected
    send(icmp6(137, 0, body, src="fe80::b", ttl=255))
)");
    // The kernel follows redirects.
    EXPECT_TRUE(eventually([&] {
        return balancer().must("ip route get 10.9.0.3").find("via 10.0.0.66") != std::string::npos &&
               balancer().must("ip -6 route get fd09::3").find("via fe80::42") != std::string::npos;
    }));
    have_routes_asked_for(lbd);
    EXPECT_EQ(lbd.backend("10.9.0.3").value("mac", ""), router_mac);
    EXPECT_EQ(lbd.backend("fd09::3").value("mac", ""), router_mac);
    EXPECT_EQ(lbd.said("02:00:0a:00:00:42"), 0U);
}

}  // namespace
}  // namespace culvert::netns
