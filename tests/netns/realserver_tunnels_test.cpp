// SPDX-License-Identifier: Apache-2.0
//
// Explicit tunnels: devices of their own to one other host.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/netns/harness/netns_test.hpp"

namespace culvert::netns {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Tunnels : public NetnsTest {
  protected:
    void SetUp() override {
        NetnsTest::SetUp();
        if (IsSkipped()) return;
        for (const char* module : {"ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6"})
            REQUIRE_MODULE(module);
    }

    static void provision(const Host& host, const std::string& yaml) {
        host.write("/run/realserver.yaml", yaml);
        host.must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    }
};

//    client ──────┐
//  10.0.0.1       │
//   balancer ─────┼── switch
//  10.0.0.2       │
//  fd00::2        │
//   backend ──────┘
//  10.0.0.3, fd00::3, VIPs 192.0.2.1 and 2001:db8::1
TEST_F(Tunnels, OfEveryKindDeliver) {
    const Host client("client"), balancer("balancer"), backend("backend");
    Switch lan;
    lan.connect({{client, "eth0", {"10.0.0.1/24", "fd00::1/64"}},
                 {balancer, "eth0", {"10.0.0.2/24", "fd00::2/64"}},
                 {backend, "eth0", {"10.0.0.3/24", "fd00::3/64"}}});
    client.ip("route add 192.0.2.1 via 10.0.0.2\nroute add 2001:db8::1 via fd00::2\n");
    balancer.set_sysctl("net.ipv4.ip_forward", "1");
    balancer.set_sysctl("net.ipv6.conf.all.forwarding", "1");

    provision(backend, R"(
vips: [192.0.2.1, "2001:db8::1"]
tunnels:
  - {name: by-ipip, type: ipip, local: 10.0.0.3, remote: 10.0.0.2}
  - {name: by-sit, type: sit, local: 10.0.0.3, remote: 10.0.0.2, encap: {type: gue, sport: 5081, dport: 5081}}
  - {name: by-ip6tnl, type: ip6tnl, local: "fd00::3", remote: "fd00::2", encap: {type: gue, sport: 5082, dport: 5082}}
  - {name: by-gre, type: gre, local: 10.0.0.3, remote: 10.0.0.2, key: 7, encap: {type: fou, sport: 5083, dport: 5083}}
  - {name: by-gretap, type: gretap, local: 10.0.0.3, remote: 10.0.0.2, ttl: 9}
  - {name: by-ip6gre, type: ip6gre, local: "fd00::3", remote: "fd00::2", ttl: 9}
  - {name: by-ip6gretap, type: ip6gretap, local: "fd00::3", remote: "fd00::2",
     encap: {type: fou, sport: 5084, dport: 5084, csum: false}}
)");
    struct Way {
        std::string name, device;
        std::vector<std::string> vips;
    };
    const std::string over4 = " local 10.0.0.2 remote 10.0.0.3";
    const std::string over6 = " local fd00::2 remote fd00::3 encaplimit none";
    const std::string vip4 = "192.0.2.1";
    const std::string vip6 = "2001:db8::1";
    for (const Way& way : {
             Way{"by-ipip", "ipip" + over4, {vip4}},
             Way{"by-sit", "sit" + over4 + " encap gue encap-dport 5081", {vip6}},
             Way{"by-ip6tnl", "ip6tnl mode any" + over6 + " encap gue encap-dport 5082", {vip4, vip6}},
             Way{"by-gre", "gre key 7" + over4 + " encap fou encap-dport 5083", {vip4, vip6}},
             Way{"by-gretap", "gretap" + over4, {vip4}},
             Way{"by-ip6gre", "ip6gre" + over6, {vip6}},
             Way{"by-ip6gretap", "ip6gretap" + over6 + " encap fou encap-dport 5084", {vip6}},
         }) {
        SCOPED_TRACE(way.name);
        const std::string statistics = "/sys/class/net/" + way.name + "/statistics/rx_packets";
        const std::string mac = backend.read("/sys/class/net/" + way.name + "/address");
        balancer.ip(fmt::format("link add {0} type {1}\nlink set {0} up\n", way.name, way.device));
        for (const std::string& vip : way.vips) {
            balancer.ip(fmt::format("route replace {} dev {}\n", vip, way.name));
            if (way.name.ends_with("tap"))
                balancer.ip(fmt::format("neigh replace {} dev {} lladdr {}\n", vip, way.name, mac));
            const int before = std::stoi(backend.read(statistics));
            EXPECT_TRUE(client.run("ping -c 1 -W 5 " + vip).ok()) << vip;
            EXPECT_GT(std::stoi(backend.read(statistics)), before);
        }
    }
}

std::vector<std::uint8_t> first_frame(const Packets& packets) {
    constexpr std::size_t headers = 24 + 16;  // of the pcap file and of the first packet
    const std::string file = packets.bytes();
    if (file.size() < headers) return {};
    return {file.begin() + headers, file.end()};
}

std::vector<std::uint8_t> from_hex(std::string_view text) {
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
    return bytes;
}

/// Identification and header checksum differ from packet to packet; the checksum must be right.
void neutralise_ipv4(std::vector<std::uint8_t>& frame) {
    ASSERT_GE(frame.size(), 34U);
    unsigned sum = 0;
    for (std::size_t i = 14; i < 34; i += 2) sum += frame[i] << 8 | frame[i + 1];
    EXPECT_EQ((sum & 0xffff) + (sum >> 16), 0xffffU);
    for (const std::size_t i : {18, 19, 24, 25}) frame[i] = 0;
}

// gretap over FOU with fixed ports between two hosts, as Linux 4.15 sent it: outer Ethernet, IPv4, UDP with checksum 0,
// GRE for Ethernet, and an ARP request of `arping`.
//
//  server159 ── server156
//  140.113.131.159, port 33333      140.113.131.156, port 55555
TEST_F(Tunnels, GretapOverFouIsAsCaptured) {
    REQUIRE_PROGRAM("arping");
    const Host server159("server159"), server156("server156");
    connect({server159, "eth0", {"140.113.131.159/24"}}, {server156, "eth0", {"140.113.131.156/24"}});
    server159.ip("link set eth0 address d8:c4:97:86:ad:3b\n");
    server156.ip("link set eth0 address 8c:ea:1b:30:da:17\n");
    const auto tunnel = [](std::string_view ends) {
        return fmt::format("vips: [192.0.2.1]\ntunnels: [{{name: my-gre, type: gretap, {}}}]\n", ends);
    };
    provision(server159, tunnel("local: 140.113.131.159, remote: 140.113.131.156, "
                                "encap: {type: fou, sport: 33333, dport: 55555}"));
    provision(server156, tunnel("local: 140.113.131.156, remote: 140.113.131.159, "
                                "encap: {type: fou, sport: 55555, dport: 33333}"));
    server159.ip("link set my-gre address da:13:8a:ef:ab:69\n");
    server156.ip("link set my-gre address da:13:8a:ef:ab:70\n");

    const auto ask = [](const Host& from, const Host& to, std::string_view expected) {
        Capture outside(to, "eth0", "udp[24:2] = 0x0806");
        Capture inside(to, "my-gre", "arp");
        EXPECT_FALSE(from.run("arping -I my-gre 192.168.123.123 -c 1 -w 1").ok());
        auto frame = first_frame(outside.stop());
        auto wanted = from_hex(expected);
        neutralise_ipv4(frame);
        neutralise_ipv4(wanted);
        EXPECT_EQ(frame, wanted);
        EXPECT_THAT(inside.stop().lines(), ElementsAre(HasSubstr("Request who-has 192.168.123.123")));
    };
    ask(server159, server156,
        "8cea1b30da17d8c49786ad3b0800"
        "4500004a85ea40004011949a8c71839f8c71839c"
        "8235d90300360000"
        "00006558"
        "ffffffffffffda138aefab690806"
        "0001080006040001da138aefab698c71839fffffffffffffc0a87b7b");
    ask(server156, server159,
        "d8c49786ad3b8cea1b30da170800"
        "4500004a85ea40004011949a8c71839c8c71839f"
        "d903823500360000"
        "00006558"
        "ffffffffffffda138aefab700806"
        "0001080006040001da138aefab708c71839cffffffffffffc0a87b7b");
}

}  // namespace
}  // namespace culvert::netns
