// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

/// An encapsulation of packets to a VIP.
struct Way {
    std::string name;
    std::string encap;        ///< in lbd.yaml
    int inner;                ///< 4 or 6: the VIP's family
    int outer;                ///< the backend's
    std::string on_the_wire;  ///< pcap filter for packets to the backend; empty: to the VIP
};

/// The ways of one encapsulation, and a backend for them that only `ip` and `nft` configure.
struct Encapsulation {
    std::string name;
    std::vector<std::string> modules;  ///< that the backend needs
    std::vector<std::string> receive;  ///< commands for it
    std::vector<Way> ways;

    friend void PrintTo(const Encapsulation& encapsulation, std::ostream* stream) { *stream << encapsulation.name; }
};

/// Each way has a VIP of its own.
std::string vip_of(int family, std::size_t way) {
    return fmt::format("{}{}", family == 4 ? "192.0.2." : "2001:db8::", way + 1);
}

std::vector<std::string> fallback_device(const std::string& device) {
    return {"sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf." + device + ".rp_filter=0",
            "ip link set " + device + " up"};
}

const auto tunl0 = fallback_device("tunl0"), sit0 = fallback_device("sit0");
const auto gre0 = fallback_device("gre0"), ip6gre0 = fallback_device("ip6gre0");

/// ip6tnl0 is 6in6 only by default.
std::vector<std::string> ip6tnl0() {
    auto commands = fallback_device("ip6tnl0");
    commands.emplace_back("ip -6 tunnel change ip6tnl0 mode any");
    return commands;
}

/// A point-to-point device, which receives only its own VNI, with the MAC address that all backends share.
std::vector<std::string> geneve_from(const std::string& device, const std::string& balancer) {
    return {fmt::format("ip link add {} address 02:43:55:4c:56:54 up type geneve id 666 remote {}", device, balancer),
            fmt::format("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.{}.rp_filter=0", device)};
}

std::vector<std::string> l3dsr() {
    const auto restore = [](const char* ip, const std::string& vip) {
        return fmt::format("nft add rule inet lb in {0} dscp 2 {0} daddr set {1} notrack", ip, vip);
    };
    return {"nft add table inet lb", "nft add chain inet lb in '{ type filter hook prerouting priority raw; }'",
            restore("ip", vip_of(4, 0)), restore("ip6", vip_of(6, 1))};
}

std::vector<std::string> all_of(const std::vector<std::vector<std::string>>& lists) {
    std::vector<std::string> all;
    for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
    return all;
}

std::vector<Encapsulation> encapsulations() {
    const std::string to4 = "dst host 10.0.0.3 and ", to6 = "dst host fd00::3 and ";
    const auto udp = [](int port) { return fmt::format("udp dst port {}", port); };
    const std::string l2 = "{type: l2}", ipip = "{type: ipip}", gre = "{type: gre}";
    const std::string fou4 = "{type: fou, port: 5004}", fou6 = "{type: fou, port: 5006}";
    const std::string gue = "{type: gue, port: 5080}", gue1 = "{type: gue, port: 5080, variant: 1}";
    const std::string fou_gre = "{type: fou, port: 5047, inner: gre}", gue_gre = "{type: gue, port: 5080, inner: gre}";
    const std::string geneve = "{type: geneve, vni: 666}", marked = "{type: l3dsr, dscp: 2}";
    const std::vector<std::string> fou_ports{"ip fou add port 5004 ipproto 4", "ip fou add port 5006 ipproto 41",
                                             "ip -6 fou add port 5004 ipproto 4", "ip -6 fou add port 5006 ipproto 41"};
    const std::vector<std::string> gue_ports{"ip fou add port 5080 gue", "ip -6 fou add port 5080 gue"};
    return {
        {"L2", {}, {}, {{"4", l2, 4, 4, {}}, {"6", l2, 6, 6, {}}, {"4_to_a_backend_known_by_ipv6", l2, 4, 6, {}}}},
        {"Ipip",
         {"ipip", "sit", "ip6_tunnel"},
         all_of({tunl0, sit0, ip6tnl0()}),
         {{"4in4", ipip, 4, 4, to4 + "ip proto 4"},
          {"6in4", ipip, 6, 4, to4 + "ip proto 41"},
          {"4in6", ipip, 4, 6, to6 + "ip6 proto 4"},
          {"6in6", ipip, 6, 6, to6 + "ip6 proto 41"}}},
        {"Gre",
         {"ip_gre", "ip6_gre"},
         all_of({gre0, ip6gre0}),
         {{"4in4", gre, 4, 4, to4 + "ip proto 47"},
          {"6in4", gre, 6, 4, to4 + "ip proto 47"},
          {"4in6", gre, 4, 6, to6 + "ip6 proto 47"},
          {"6in6", gre, 6, 6, to6 + "ip6 proto 47"}}},
        {"Fou",
         {"ipip", "sit", "ip6_tunnel", "fou", "fou6"},
         all_of({tunl0, sit0, ip6tnl0(), fou_ports}),
         {{"4in4", fou4, 4, 4, to4 + udp(5004)},
          {"6in4", fou6, 6, 4, to4 + udp(5006)},
          {"4in6", fou4, 4, 6, to6 + udp(5004)},
          {"6in6", fou6, 6, 6, to6 + udp(5006)}}},
        {"Gue",
         {"ipip", "sit", "ip6_tunnel", "fou", "fou6"},
         all_of({tunl0, sit0, ip6tnl0(), gue_ports}),
         {{"4in4", gue, 4, 4, to4 + udp(5080)},
          {"6in4", gue, 6, 4, to4 + udp(5080)},
          {"4in6", gue, 4, 6, to6 + udp(5080)},
          {"6in6", gue, 6, 6, to6 + udp(5080)},
          {"variant_1_4in4", gue1, 4, 4, to4 + udp(5080)},
          {"variant_1_6in6", gue1, 6, 6, to6 + udp(5080)}}},
        {"GreInUdp",
         {"ip_gre", "ip6_gre", "fou", "fou6"},
         all_of({gre0, ip6gre0, gue_ports, {"ip -6 fou add port 5047 ipproto 47"}}),
         {{"fou_4in6", fou_gre, 4, 6, to6 + udp(5047)}, {"gue_6in4", gue_gre, 6, 4, to4 + udp(5080)}}},
        {"Geneve",
         {"geneve"},
         all_of({geneve_from("from4", "10.0.0.2"), geneve_from("from6", "fd00::2")}),
         {{"4in4", geneve, 4, 4, to4 + udp(6081)},
          {"6in4", geneve, 6, 4, to4 + udp(6081)},
          {"4in6", geneve, 4, 6, to6 + udp(6081)},
          {"6in6", geneve, 6, 6, to6 + udp(6081)}}},
        {"L3dsr",
         {},
         l3dsr(),
         {{"4", marked, 4, 4, to4 + "ip[1] == 8"}, {"6", marked, 6, 6, to6 + "ip6[0:2] & 0xff0 == 0x080"}}},
    };
}

class LbdMatrix : public LbdTest, public testing::WithParamInterface<Encapsulation> {};

TEST_P(LbdMatrix, PagesUploadsAndNames) {
    const Encapsulation& encapsulation = GetParam();
    for (const std::string& module : encapsulation.modules) REQUIRE_MODULE(module);
    for (const std::string& command : encapsulation.receive) backend().must(command);

    const auto address_of = [](const Way& way) { return way.outer == 4 ? "10.0.0.3" : "fd00::3"; };
    std::vector<std::string> vips;
    std::string services, addresses, routes;
    for (const Way& way : encapsulation.ways) {
        const std::string& vip = vips.emplace_back(vip_of(way.inner, vips.size()));
        addresses += fmt::format("addr replace {}/{} dev lo\n", vip, way.inner == 4 ? 32 : 128);
        routes += fmt::format("route replace {} via {}\n", vip, way.inner == 4 ? "10.0.0.2" : "fd00::2");
        services += fmt::format(R"(
          - name: {}
            vip: "{}"
            ports: [80/tcp, 53/udp, 53/tcp]
            encap: {}
            backends: [{{address: "{}"}}])",
                                "way_" + way.name, vip, way.encap, address_of(way));
    }
    backend().ip(addresses);
    client().ip(routes);
    const HttpServer web(backend(), "backend", vips);
    const DnsServer dns(backend(), "backend", vips);
    const Balancer lbd(balancer(), fmt::format(R"(
        interfaces: [eth0]
        flows: {{entries: 64k}}
        services:{}
        )",
                                               services));

    for (std::size_t i = 0; i < vips.size(); ++i) {
        const Way& way = encapsulation.ways[i];
        const std::string& vip = vips[i];
        SCOPED_TRACE(way.name);
        Capture past_lbd(lan().host(), "balancer-eth0");

        EXPECT_EQ(http_get(client(), vip), "backend\n");
        http_put(client(), vip, way.name, noise(1 << 20));
        EXPECT_EQ(web.uploaded(way.name), noise(1 << 20));
        EXPECT_EQ(dns_whoami(client(), vip, Transport::udp), "backend");
        EXPECT_EQ(dns_whoami(client(), vip, Transport::tcp), "backend");

        const Packets packets = past_lbd.stop();
        const std::string wire = way.on_the_wire.empty() ? "dst host " + vip : way.on_the_wire;
        EXPECT_GT(packets.count("ether src 02:00:0a:00:00:02 and " + wire), 700);  // 1 MiB in 1400-byte packets
        EXPECT_THAT(packets.lines("(tcp or udp) and src host " + vip), testing::IsEmpty());  // answers go to the client
    }

    const auto backends = lbd.show("backends");
    ASSERT_EQ(backends.size(), encapsulation.ways.size());
    for (const auto& counted : backends) {
        EXPECT_GT(counted["packets"], 700) << counted;
        EXPECT_GT(counted["bytes"], 1 << 20) << counted;
        EXPECT_GE(counted["new_flows"], 4) << counted;
    }
    const auto counters = lbd.show("counters");
    for (const auto& reason : counters["dropped"]) EXPECT_EQ(reason["packets"], 0) << reason;
}

INSTANTIATE_TEST_SUITE_P(Lbd, LbdMatrix, testing::ValuesIn(encapsulations()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace culvert::netns
