// SPDX-License-Identifier: Apache-2.0
//
// lbd and realserver together: every encapsulation at once, each with a VIP of its own.
//
//   client ───┐
//  10.0.0.1   │
//  fd00::1    │              client ──► balancer (lbd) ══ encapsulated ══► backend (realserver)
//   balancer ─┼── switch        ▲                                              │
//  10.0.0.2   │                 └──────────────────────────────────────────────┘
//  fd00::2    │
//   backend ──┘
//  10.0.0.3, fd00::3, VIPs 192.0.2.0/24 and 2001:db8::/64
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

/// An encapsulation of a client's packet to a backend.
struct Way {
    std::string name;
    int inner;                ///< 4 or 6: the VIP's family
    int outer;                ///< the backend's
    std::string encap;        ///< in lbd.yaml
    std::string on_the_wire;  ///< pcap filter for packets to the backend
};

/// The backend's configuration for all of them, in realserver.yaml.
constexpr const char* receive = R"(
  - {encap: l2}
  - {encap: ipip}
  - {encap: gre}
  - {encap: fou, port: 5004, inner: ipv4}
  - {encap: fou, port: 5006, inner: ipv6}
  - {encap: gue, port: 5080}
)";

std::vector<Way> ways() {
    std::vector<Way> all;
    for (const int inner : {4, 6}) {
        all.push_back({fmt::format("l2-{}", inner), inner, inner, "{type: l2}", "greater 0"});
        all.push_back(
            {fmt::format("l3dsr-{}", inner), inner, inner, fmt::format("{{type: l3dsr, dscp: {}}}", inner),
             inner == 4 ? "dst host 10.0.0.3 and ip[1] = 16" : "dst host fd00::3 and ip6[0:2] & 0xff0 = 0x180"});
        for (const int outer : {4, 6}) {
            const std::string header = outer == 4 ? "ip" : "ip6";
            const int fou = inner == 4 ? 5004 : 5006;
            const auto add = [&](std::string_view kind, const std::string& encap, const std::string& wire) {
                all.push_back({fmt::format("{}-{}in{}", kind, inner, outer), inner, outer, encap, wire});
            };
            add("ipip", "{type: ipip}", fmt::format("{} proto {}", header, inner == 4 ? 4 : 41));
            add("gre", "{type: gre}", header + " proto 47");
            add("fou", fmt::format("{{type: fou, port: {}}}", fou), fmt::format("{} and udp dst port {}", header, fou));
            add("gue", "{type: gue, port: 5080}", header + " and udp dst port 5080");
        }
    }
    return all;
}

std::string vip_of(std::size_t way, int inner) {
    return fmt::format("{}{}", inner == 4 ? "192.0.2." : "2001:db8::", way + 10);
}

class Together : public NetnsTest {};

TEST_F(Together, EveryEncapsulationCarriesPagesUploadsAndNames) {
    for (const char* module : {"ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6"}) REQUIRE_MODULE(module);
    const std::vector<Way> all = ways();
    Host client("client"), balancer("balancer"), backend("backend");
    Switch lan;
    lan.connect({{client, "eth0", {"10.0.0.1/24", "fd00::1/64"}},
                 {balancer, "eth0", {"10.0.0.2/24", "fd00::2/64"}},
                 {backend, "eth0", {"10.0.0.3/24", "fd00::3/64"}}});
    client.ip(
        "link set eth0 mtu 1400\n"  // leaves room for every encapsulation
        "route add 192.0.2.0/24 via 10.0.0.2\nroute add 2001:db8::/64 via fd00::2\n");
    backend.set_sysctl("net.ipv6.ip_nonlocal_bind", "1");  // dnsmasq binds to addresses, which a prefix doesn't have

    std::string services, l3dsr;
    std::vector<std::string> vips;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const std::string vip = vips.emplace_back(vip_of(i, all[i].inner));
        services += fmt::format(
            "  - {{name: '{}', vip: '{}', ports: [80/tcp, 53/udp, 53/tcp], encap: {}, backends: [{{address: "
            "'{}'}}]}}\n",
            all[i].name, vip, all[i].encap, all[i].outer == 4 ? "10.0.0.3" : "fd00::3");
        if (all[i].name.starts_with("l3dsr"))
            l3dsr += fmt::format("  - {{encap: l3dsr, dscp: {}, vip: '{}'}}\n", all[i].inner, vip);
    }
    backend.write("/run/realserver.yaml", fmt::format("balancers: [10.0.0.2, 'fd00::2']\n"
                                                      "vips: [192.0.2.0/24, '2001:db8::/64']\n"
                                                      "receive:{}{}",
                                                      receive, l3dsr));
    backend.must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    const HttpServer web(backend, "backend");
    const DnsServer dns(backend, "backend", vips);  // it would find addresses by itself, but not prefixes
    const Balancer lbd(balancer, "interfaces: [eth0]\nflows: {entries: 64k}\nservices:\n" + services);

    Capture capture(lan.host(), "balancer-eth0", "ether src 02:00:0a:00:00:02 and not arp and not icmp6");
    for (std::size_t i = 0; i < all.size(); ++i) {
        SCOPED_TRACE(all[i].name);
        EXPECT_EQ(http_get(client, vips[i]), "backend\n");
        EXPECT_EQ(dns_whoami(client, vips[i], Transport::udp), "backend");
        EXPECT_EQ(dns_whoami(client, vips[i], Transport::tcp), "backend");
    }
    const Packets packets = capture.stop();
    for (const Way& way : all) EXPECT_GT(packets.count(way.on_the_wire), 10) << way.name;
    EXPECT_THAT(packets.lines("src net 192.0.2.0/24 or src net 2001:db8::/64"), testing::IsEmpty())
        << "answers go directly to the client";
    EXPECT_THAT(packets.complaints({"udp.port==5004,ip", "udp.port==5006,ipv6"}), testing::IsEmpty());

    for (std::size_t i = 0; i < all.size(); ++i) {
        SCOPED_TRACE(all[i].name);
        const std::string file = fmt::format("upload-{}", i);
        http_put(client, vips[i], file, noise(1 << 20));
        EXPECT_EQ(web.uploaded(file), noise(1 << 20));
    }
    const auto counters = lbd.show("counters");
    for (const auto& reason : counters["dropped"]) EXPECT_EQ(reason["packets"], 0) << reason;
}

// Three backends with three encapsulations, two VIPs: each gets its share, and a flow stays with its backend.
TEST_F(Together, RequestsAreSpreadOverBackends) {
    for (const char* module : {"ipip", "sit", "ip6_tunnel", "fou", "fou6"}) REQUIRE_MODULE(module);
    Host client("client"), balancer("balancer"), one("one"), two("two"), three("three");
    Switch lan;
    lan.connect({{client, "eth0", {"10.0.0.1/24", "fd00::1/64"}},
                 {balancer, "eth0", {"10.0.0.2/24", "fd00::2/64"}},
                 {one, "eth0", {"10.0.0.11/24", "fd00::11/64"}},
                 {two, "eth0", {"10.0.0.12/24", "fd00::12/64"}},
                 {three, "eth0", {"10.0.0.13/24", "fd00::13/64"}}});
    client.ip(fmt::format("link set eth0 mtu 1400\nroute add {} via 10.0.0.2\nroute add {} via fd00::2\n", vip4, vip6));
    std::vector<HttpServer> servers;
    servers.reserve(3);
    for (const auto& [host, encap] :
         {std::pair{&one, std::string("{encap: gue, port: 5080}")}, std::pair{&two, std::string("{encap: ipip}")},
          std::pair{&three, fmt::format("{{encap: l3dsr, dscp: 2, vip: {}}}, {{encap: l3dsr, dscp: 3, vip: '{}'}}",
                                        vip4, vip6)}}) {
        host->write(
            "/run/realserver.yaml",
            fmt::format("balancers: [10.0.0.2, 'fd00::2']\nvips: [{}, '{}']\nreceive: [{}]\n", vip4, vip6, encap));
        host->must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
        servers.emplace_back(*host, host->name());
    }
    const auto service = [](const char* name, const char* vip, int dscp, const char* third) {
        return fmt::format(
            "  - name: {}\n    vip: '{}'\n    ports: [80/tcp]\n    backends:\n"
            "      - {{name: one, address: 'fd00::11', encap: {{type: gue, port: 5080}}}}\n"
            "      - {{name: two, address: 10.0.0.12, encap: {{type: ipip}}}}\n"
            "      - {{name: three, address: '{}', encap: {{type: l3dsr, dscp: {}}}}}\n",
            name, vip, third, dscp);
    };
    const Balancer lbd(balancer, "interfaces: [eth0]\nflows: {entries: 64k}\nservices:\n" +
                                     service("ipv4", vip4, 2, "10.0.0.13") + service("ipv6", vip6, 3, "fd00::13"));

    for (const char* vip : {vip4, vip6}) {
        SCOPED_TRACE(vip);
        const auto answers = http_get_many(client, vip, 150);
        EXPECT_EQ(answers.size(), 150U);
        for (const char* name : {"one", "two", "three"})
            EXPECT_GT(std::ranges::count(answers, name), 25) << name;  // 50 are expected, with a deviation of 6
    }
}

}  // namespace
}  // namespace culvert::netns
