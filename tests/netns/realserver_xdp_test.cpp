// SPDX-License-Identifier: Apache-2.0
//
// A backend that unwraps by XDP. Needs none of the kernel's tunnels.
//
//   client ───┐
//  10.0.0.1   │
//  fd00::1    │              client ──► balancer ══ encapsulated ══► backend (realserver)
//   balancer ─┼── switch        ▲                                      │
//  10.0.0.2   │                 └──────────────────────────────────────┘
//  fd00::2    │
//   backend ──┘
//  10.0.0.3, fd00::3, VIPs 192.0.2.0/24 and 2001:db8::/64
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;

class RealserverXdp : public NetnsTest {
  protected:
    void SetUp() override {
        NetnsTest::SetUp();
        if (IsSkipped()) return;
        lan_.emplace();
        client_.emplace("client");
        balancer_.emplace("balancer");
        backend_.emplace("backend");
        lan_->connect({{*client_, "eth0", {"10.0.0.1/24", "fd00::1/64"}},
                       {*balancer_, "eth0", {"10.0.0.2/24", "fd00::2/64"}},
                       {*backend_, "eth0", {"10.0.0.3/24", "fd00::3/64"}}});
        client_->ip(
            "link set eth0 mtu 1400\n"  // leaves room for every encapsulation
            "route add 192.0.2.0/24 via 10.0.0.2\nroute add 2001:db8::/64 via fd00::2\n");
    }

    void configure(const std::string& receive) {
        backend().write("/run/realserver.yaml", fmt::format("balancers: [10.0.0.2, 'fd00::2']\n"
                                                            "vips: [192.0.2.0/24, '2001:db8::/64']\n"
                                                            "receive:\n{}",
                                                            receive));
    }
    Output realserver(const std::string& command) {
        return backend().run(fmt::format("{} {} -c /run/realserver.yaml", CULVERT_REALSERVER, command));
    }
    std::string must(const std::string& command) {
        return backend().must(fmt::format("{} {} -c /run/realserver.yaml", CULVERT_REALSERVER, command));
    }
    /// What `status` says of the XDP program.
    json counted() {
        const json status = json::parse(must("status --json"));
        for (const auto& item : status["items"])
            if (item["kind"] == "decap") return item;
        return {};
    }

    Switch& lan() { return *lan_; }
    const Host& client() { return *client_; }
    const Host& balancer() { return *balancer_; }
    const Host& backend() { return *backend_; }

  private:
    std::optional<Switch> lan_;
    std::optional<Host> client_, balancer_, backend_;
};

struct Way {
    std::string name;
    int inner;          ///< 4 or 6: the VIP's family
    int outer;          ///< the backend's
    std::string encap;  ///< in lbd.yaml
};

std::vector<Way> ways() {
    std::vector<Way> all;
    for (const int inner : {4, 6})
        for (const int outer : {4, 6})
            for (const auto& [kind, encap] :
                 {std::pair{"ipip", std::string("{type: ipip}")}, std::pair{"gre", std::string("{type: gre}")},
                  std::pair{"fou", fmt::format("{{type: fou, port: {}}}", inner == 4 ? 5004 : 5006)},
                  std::pair{"gue", std::string("{type: gue, port: 5080}")}})
                all.push_back({fmt::format("{}-{}in{}", kind, inner, outer), inner, outer, encap});
    return all;
}

std::string vip_of(std::size_t way, int inner) {
    return fmt::format("{}{}", inner == 4 ? "192.0.2." : "2001:db8::", way + 10);
}

TEST_F(RealserverXdp, EveryEncapsulationOfLbdsCarriesPagesUploadsAndNames) {
    const std::vector<Way> all = ways();
    std::string services;
    std::vector<std::string> vips;
    for (std::size_t i = 0; i < all.size(); ++i) {
        vips.push_back(vip_of(i, all[i].inner));
        services += fmt::format(
            "  - {{name: '{}', vip: '{}', ports: [80/tcp, 53/udp, 53/tcp], encap: {}, backends: [{{address: "
            "'{}'}}]}}\n",
            all[i].name, vips[i], all[i].encap, all[i].outer == 4 ? "10.0.0.3" : "fd00::3");
    }
    configure(R"(
  - {encap: ipip, via: xdp}
  - {encap: gre, via: xdp}
  - {encap: fou, port: 5004, inner: ipv4, via: xdp}
  - {encap: fou, port: 5006, inner: ipv6, via: xdp}
  - {encap: gue, port: 5080, via: xdp}
)");
    must("apply");
    backend().set_sysctl("net.ipv6.ip_nonlocal_bind", "1");  // dnsmasq binds to addresses; a prefix has none
    const HttpServer web(backend(), "backend");
    const DnsServer dns(backend(), "backend", vips);
    const Balancer lbd(balancer(), "interfaces: [eth0]\nflows: {entries: 64k}\nservices:\n" + services);

    Capture capture(lan().host(), "balancer-eth0", "src net 192.0.2.0/24 or src net 2001:db8::/64");
    for (std::size_t i = 0; i < all.size(); ++i) {
        SCOPED_TRACE(all[i].name);
        EXPECT_EQ(http_get(client(), vips[i]), "backend\n");
        EXPECT_EQ(dns_whoami(client(), vips[i], Transport::udp), "backend");
        EXPECT_EQ(dns_whoami(client(), vips[i], Transport::tcp), "backend");
        const std::string file = fmt::format("upload-{}", i);
        http_put(client(), vips[i], file, noise(1 << 20));
        EXPECT_EQ(web.uploaded(file), noise(1 << 20));
    }
    EXPECT_THAT(capture.stop().lines("tcp or udp"), IsEmpty()) << "answers go straight to the client";

    const json decap = counted();
    for (const char* kind : {"ipip", "gre", "fou", "gue"}) {
        EXPECT_GT(decap["received"][kind]["packets"], 4 * 700) << kind;  // 1 MiB in 1400-byte packets
        EXPECT_GT(decap["received"][kind]["bytes"], 4 << 20) << kind;
    }
    for (const auto& [reason, packets] : decap["dropped"].items()) EXPECT_EQ(packets, 0) << reason;
    EXPECT_EQ(decap["state"], "ok");
}

/// Made by scapy: an echo request from the client to a VIP, in each encapsulation that lbd does not send.
constexpr const char* echo_requests = R"(
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether, GRE
from scapy.contrib.geneve import GENEVE
from scapy.packet import Raw
from scapy.sendrecv import sendp
mac = Ether(src="02:00:0a:00:00:02", dst="02:00:0a:00:00:03")
inner_mac = Ether(src="02:00:00:00:00:01", dst="02:43:55:4c:56:54")
outer = [IP(src="10.0.0.2", dst="10.0.0.3"), IPv6(src="fd00::2", dst="fd00::3")]
inner = [IP(src="10.0.0.1", dst="192.0.2.7") / ICMP(id=7), IPv6(src="fd00::1", dst="2001:db8::7") / ICMPv6EchoRequest(id=7)]
def udp(port):
    return UDP(sport=50000, dport=port)
seq = 0
for o in outer:
    for i in inner:
        proto = 4 if i.version == 4 else 41
        type = 0x0800 if i.version == 4 else 0x86dd
        for head in [udp(6081) / GENEVE(vni=666) / inner_mac,
                     udp(6081) / GENEVE(vni=667, proto=type),
                     udp(5080),                                        # GUE, variant 1
                     udp(5087) / Raw(bytes([0, 47, 0, 0])) / GRE(),    # GRE in GUE
                     udp(5047) / GRE()]:                               # GRE in FOU
            request = i.copy()
            seq += 1
            request[1].seq = seq
            sendp(mac / o / head / request, iface="eth0", verbose=False)
)";

TEST_F(RealserverXdp, EveryOtherEncapsulationIsAnswered) {
    configure(R"(
  - {encap: geneve, vni: 666, via: xdp}
  - {encap: geneve, vni: 667, via: xdp}
  - {encap: gue, port: 5080, via: xdp}
  - {encap: gue, port: 5087, inner: gre, via: xdp}
  - {encap: fou, port: 5047, inner: gre, via: xdp}
)");
    must("apply");
    Capture answers(client(), "eth0", "src host 192.0.2.7 or src host 2001:db8::7");
    balancer().must("/usr/bin/python3 -", echo_requests);
    const auto received = [&](const char* kind) { return counted()["received"][kind]["packets"]; };
    EXPECT_TRUE(eventually([&] { return received("fou") == 4; }));
    EXPECT_EQ(received("gue"), 8);
    EXPECT_EQ(received("geneve"), 8);
    const Packets packets = answers.stop();
    EXPECT_EQ(packets.count("icmp[0] = 0"), 10);
    EXPECT_EQ(packets.count("ip6[40] = 129"), 10);
}

/// Made by scapy, to be dropped or left alone.
constexpr const char* attacks = R"(
from scapy.layers.inet import ICMP, IP, fragment
from scapy.layers.l2 import Ether, GRE
from scapy.packet import Raw
from scapy.sendrecv import sendp
mac = Ether(src="02:00:0a:00:00:02", dst="02:00:0a:00:00:03")
def send(packet):
    sendp(mac / packet, iface="eth0", verbose=False)
request = IP(src="10.0.0.1", dst="192.0.2.7") / ICMP(id=7)
balancer = IP(src="10.0.0.2", dst="10.0.0.3")
send(IP(src="10.0.0.1", dst="10.0.0.3") / request)                                    # source
send(balancer / IP(src="10.0.0.1", dst="10.0.0.3") / ICMP(id=7))                      # no_vip
send(balancer / IP(src="10.0.0.3", dst="192.0.2.7") / ICMP(id=7))                     # inner_source
send(balancer / IP(src="10.0.0.1", dst="192.0.2.7") / request)                        # nested
for part in fragment(balancer / request / Raw(bytes(2000)), 1000):                    # fragment, three times
    send(part)
send(balancer / GRE() / request)                                                      # not ours: passes
)";

TEST_F(RealserverXdp, AttacksAreDroppedAndCounted) {
    configure("  - {encap: ipip, via: xdp}\n");
    must("apply");
    Capture answers(client(), "eth0", "icmp");
    balancer().must("/usr/bin/python3 -", attacks);
    EXPECT_TRUE(eventually([&] { return counted()["dropped"]["fragment"] == 3; }));
    const json dropped = counted()["dropped"];
    for (const char* reason : {"source", "no_vip", "inner_source", "nested"}) EXPECT_EQ(dropped[reason], 1) << reason;
    EXPECT_THAT(answers.stop().lines("icmp[0] = 0"), IsEmpty());
    EXPECT_THAT(must("status"), HasSubstr("dropped: inner_source"));
}

TEST_F(RealserverXdp, ItIsThereUntilTeardown) {
    const std::string before = snapshot(backend());
    configure("  - {encap: ipip, via: xdp}\n");
    EXPECT_THAT(must("apply"), HasSubstr("+ decap eth0: xdp native: ipip\n"));
    EXPECT_EQ(must("apply"), "nothing to change\n");

    // Another address of the host's own is one that tunnels may go to.
    backend().ip("addr add 10.0.0.33/24 dev eth0\n");
    EXPECT_EQ(realserver("plan").status, 3);
    EXPECT_THAT(must("apply"), HasSubstr("~ decap eth0"));

    configure("  - {encap: gue, port: 5080, via: xdp}\n");
    EXPECT_THAT(must("apply"), HasSubstr("~ decap eth0: xdp native: ipip -> xdp native: gue 5080\n"));
    backend().ip("addr del 10.0.0.33/24 dev eth0\n");
    EXPECT_THAT(must("teardown"), HasSubstr("- decap eth0: xdp native: gue 5080\n"));
    EXPECT_EQ(snapshot(backend()), before);
    EXPECT_EQ(backend().must("find /sys/fs/bpf -name link"), "");
}

TEST_F(RealserverXdp, SomebodyElsesProgramIsLeftAlone) {
    configure("  - {encap: ipip, via: xdp}\n");
    const Balancer other(backend(),
                         "interfaces: [eth0]\nservices: [{name: a, vip: 198.51.100.1, ports: any, encap: "
                         "{type: ipip}, backends: [{address: 10.0.0.9}]}]\n");
    const Output refused = realserver("apply");
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("attach decap eth0: Device or resource busy: it has an XDP program, which "
                                       "realserver did not attach (ip link set dev eth0 xdp off, or via: kernel)"));
}

// Where the kernel has its own tunnels they are used.
TEST_F(RealserverXdp, IsUsedWhereTheKernelHasNoTunnelOfItsOwn) {
    const bool kernel_can = !missing_module("ipip");
    configure("  - {encap: ipip, inner: ipv4, family: ipv4}\n");
    const Output plan = realserver("plan");
    EXPECT_EQ(plan.status, 3);
    EXPECT_THAT(plan.out, kernel_can ? HasSubstr("link tunl0") : HasSubstr("+ decap eth0: xdp: ipip\n"));
}

TEST_F(RealserverXdp, WithoutAWayToTheBalancersItAsksForAnInterface) {
    backend().write("/run/realserver.yaml",
                    "balancers: [203.0.113.1]\nvips: [192.0.2.1]\nreceive: [{encap: ipip, via: xdp}]\n");
    EXPECT_THAT(realserver("plan").err,
                HasSubstr("no route leads to a balancer (name it in the configuration: interfaces: [eth0])"));
    backend().ip("route add default via 10.0.0.1\n");
    EXPECT_THAT(realserver("plan").out, HasSubstr("+ decap eth0: xdp: ipip\n"));
}

}  // namespace
}  // namespace culvert::netns
