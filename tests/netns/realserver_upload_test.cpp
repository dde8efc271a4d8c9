// SPDX-License-Identifier: Apache-2.0
//
// Uploads in full-size segments, through every tunnel that lbd and realserver
// have together.
//
//   client ───┐
//  10.0.0.1   │
//  fd00::1    │       The client's way to the VIPs is the balancer. Nobody is
//  told of a narrower path but the backend,
//   balancer ─┼── switch       which tells the client by its MSS.
//  10.0.0.2   │
//  fd00::2    │
//   backend ──┘
//  10.0.0.3, fd00::3, VIPs 192.0.2.1 and 2001:db8::1
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

struct Tunnel {
    std::string name;
    std::string receive;  ///< in realserver.yaml
    std::string encap4;   ///< in lbd.yaml, for IPv4 inside
    std::string encap6;
    int overhead;  ///< bytes, but for the outer IP header
};

const std::vector<Tunnel> tunnels{
    {"ipip", "{encap: ipip}", "{type: ipip}", "{type: ipip}", 0},
    {"gre", "{encap: gre}", "{type: gre}", "{type: gre}", 4},
    {"fou",
     "{encap: fou, port: 5004, inner: ipv4}, {encap: fou, port: 5006, inner: "
     "ipv6}",
     "{type: fou, port: 5004}", "{type: fou, port: 5006}", 8},
    {"gue", "{encap: gue, port: 5080}", "{type: gue, port: 5080}", "{type: gue, port: 5080}", 12},
};

class Upload : public NetnsTest, public testing::WithParamInterface<std::tuple<Tunnel, int>> {};

TEST_P(Upload, FitsTheTunnelWithoutAFragment) {
    for (const char* module : {"ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6"}) REQUIRE_MODULE(module);
    const auto& [tunnel, outer] = GetParam();
    const int overhead = tunnel.overhead + (outer == 4 ? 20 : 40);
    const std::string address = outer == 4 ? "10.0.0.3" : "fd00::3";
    Host client("client"), balancer("balancer"), backend("backend");
    Switch lan;
    lan.connect({{client, "eth0", {"10.0.0.1/24", "fd00::1/64"}},
                 {balancer, "eth0", {"10.0.0.2/24", "fd00::2/64"}},
                 {backend, "eth0", {"10.0.0.3/24", "fd00::3/64"}}});
    client.ip(fmt::format("route add {} via 10.0.0.2\nroute add {} via fd00::2\n", vip4, vip6));
    const HttpServer web(backend, "backend");
    const Balancer lbd(balancer, fmt::format(R"(
interfaces: [eth0]
flows: {{entries: 64k}}
services:
  - {{name: four, vip: {0}, ports: [80/tcp], encap: {2}, backends: [{{address: '{4}'}}]}}
  - {{name: six, vip: '{1}', ports: [80/tcp], encap: {3}, backends: [{{address: '{4}'}}]}}
)",
                                             vip4, vip6, tunnel.encap4, tunnel.encap6, address));
    for (const int mtu : {1500, 1400}) {
        SCOPED_TRACE(mtu);
        lan.host().ip(fmt::format("link set backend-eth0 mtu {}\n", mtu));
        backend.write(
            "/run/realserver.yaml",
            fmt::format("balancers: [{}]\nvips: [{}, '{}']\nreceive: [{}]\n{}", outer == 4 ? "10.0.0.2" : "'fd00::2'",
                        vip4, vip6, tunnel.receive, mtu == 1500 ? "" : fmt::format("mtu: {}\n", mtu)));
        backend.must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
        Capture wrong(lan.host(), "balancer-eth0",
                      fmt::format("greater {} or (ip and ip[6:2] & 0x3fff != 0) or ip6 proto 44", mtu + 15));
        Capture accepted(client, "eth0", fmt::format("src host {} and tcp[tcpflags] & tcp-syn != 0", vip4));
        for (const char* vip : {vip4, vip6}) {
            const std::string file = fmt::format("{}-{}", mtu, vip == vip4 ? 4 : 6);
            http_put(client, vip, file, noise(10 << 20));
            EXPECT_EQ(web.uploaded(file).size(), 10U << 20) << vip;
        }
        EXPECT_THAT(accepted.stop().lines(), Contains(HasSubstr(fmt::format("mss {},", mtu - overhead - 40))));
        EXPECT_THAT(wrong.stop().lines(fmt::format("dst host {}", address)), IsEmpty());
        EXPECT_EQ(lbd.dropped("too_big"), 0U);
    }
}

INSTANTIATE_TEST_SUITE_P(In, Upload, testing::Combine(testing::ValuesIn(tunnels), testing::Values(4, 6)),
                         [](const auto& path) {
                             return fmt::format("{}_over_ipv{}", std::get<0>(path.param).name, std::get<1>(path.param));
                         });

}  // namespace
}  // namespace culvert::netns
