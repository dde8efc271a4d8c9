// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

/// An encapsulation of packets to a VIP, and a backend for it that only `ip` and `nft` configure.
struct Way {
    std::string name;
    std::string encap;                 ///< in lbd.yaml
    int inner;                         ///< 4 or 6: the VIP's family
    int outer;                         ///< the backend's
    std::vector<std::string> modules;  ///< that the backend needs
    std::vector<std::string> receive;  ///< commands for it
    std::string on_the_wire;           ///< pcap filter for packets to the backend

    friend void PrintTo(const Way& way, std::ostream* stream) { *stream << way.name; }
};

std::vector<std::string> fallback_device(const std::string& device) {
    return {"sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf." + device + ".rp_filter=0",
            "ip link set " + device + " up"};
}

/// ip6tnl0 is 6in6 only by default.
std::vector<std::string> ip6tnl0() {
    auto commands = fallback_device("ip6tnl0");
    commands.emplace_back("ip -6 tunnel change ip6tnl0 mode any");
    return commands;
}

/// A point-to-point device, which receives only its own VNI, with the MAC address that all backends share.
std::vector<std::string> geneve_from(const std::string& balancer) {
    return {"ip link add gnv address 02:43:55:4c:56:54 up type geneve id 666 remote " + balancer,
            "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.gnv.rp_filter=0"};
}

std::vector<std::string> with(std::vector<std::string> commands, std::string command) {
    commands.push_back(std::move(command));
    return commands;
}

std::vector<std::string> l3dsr(int family) {
    const std::string ip = family == 4 ? "ip" : "ip6";
    const std::string vip = family == 4 ? vip4 : vip6;
    return {"nft add table inet lb", "nft add chain inet lb in '{ type filter hook prerouting priority raw; }'",
            fmt::format("nft add rule inet lb in {0} dscp 2 {0} daddr set {1} notrack", ip, vip)};
}

std::vector<Way> ways() {
    const std::string to4 = "dst host 10.0.0.3 and ", to6 = "dst host fd00::3 and ";
    const auto fou_port = [](int outer, int protocol) {
        return fmt::format("ip {} fou add port 5004 ipproto {}", outer == 6 ? "-6" : "", protocol);
    };
    const auto gue_port = [](int outer) { return fmt::format("ip {} fou add port 5080 gue", outer == 6 ? "-6" : ""); };
    const std::string fou = "{type: fou, port: 5004}", gue = "{type: gue, port: 5080}";
    const std::string fou_gre = "{type: fou, port: 5004, inner: gre}", gue_gre = "{type: gue, port: 5080, inner: gre}";
    const std::string gue1 = "{type: gue, port: 5080, variant: 1}";
    const std::string geneve = "{type: geneve, vni: 666}";
    const std::string geneve_udp = "udp dst port 6081";
    const auto geneve_from4 = geneve_from("10.0.0.2"), geneve_from6 = geneve_from("fd00::2");
    const std::string fou_udp = "udp dst port 5004", gue_udp = "udp dst port 5080";
    const auto tunl0 = fallback_device("tunl0"), sit0 = fallback_device("sit0");
    const auto gre0 = fallback_device("gre0"), ip6gre0 = fallback_device("ip6gre0");
    return {
        {"L2_4", "{type: l2}", 4, 4, {}, {}, "dst host 192.0.2.1"},
        {"L2_6", "{type: l2}", 6, 6, {}, {}, "dst host 2001:db8::1"},
        {"L2_4_ToABackendKnownByIpv6", "{type: l2}", 4, 6, {}, {}, "dst host 192.0.2.1"},
        {"Ipip_4in4", "{type: ipip}", 4, 4, {"ipip"}, tunl0, to4 + "ip proto 4"},
        {"Ipip_6in4", "{type: ipip}", 6, 4, {"sit"}, sit0, to4 + "ip proto 41"},
        {"Ipip_4in6", "{type: ipip}", 4, 6, {"ip6_tunnel"}, ip6tnl0(), to6 + "ip6 proto 4"},
        {"Ipip_6in6", "{type: ipip}", 6, 6, {"ip6_tunnel"}, ip6tnl0(), to6 + "ip6 proto 41"},
        {"Gre_4in4", "{type: gre}", 4, 4, {"ip_gre"}, gre0, to4 + "ip proto 47"},
        {"Gre_6in4", "{type: gre}", 6, 4, {"ip_gre"}, gre0, to4 + "ip proto 47"},
        {"Gre_4in6", "{type: gre}", 4, 6, {"ip6_gre"}, ip6gre0, to6 + "ip6 proto 47"},
        {"Gre_6in6", "{type: gre}", 6, 6, {"ip6_gre"}, ip6gre0, to6 + "ip6 proto 47"},
        {"Fou_4in4", fou, 4, 4, {"ipip", "fou"}, with(tunl0, fou_port(4, 4)), to4 + fou_udp},
        {"Fou_6in4", fou, 6, 4, {"sit", "fou"}, with(sit0, fou_port(4, 41)), to4 + fou_udp},
        {"Fou_4in6", fou, 4, 6, {"ip6_tunnel", "fou6"}, with(ip6tnl0(), fou_port(6, 4)), to6 + fou_udp},
        {"Fou_6in6", fou, 6, 6, {"ip6_tunnel", "fou6"}, with(ip6tnl0(), fou_port(6, 41)), to6 + fou_udp},
        {"Gue_4in4", gue, 4, 4, {"ipip", "fou"}, with(tunl0, gue_port(4)), to4 + gue_udp},
        {"Gue_6in4", gue, 6, 4, {"sit", "fou"}, with(sit0, gue_port(4)), to4 + gue_udp},
        {"Gue_4in6", gue, 4, 6, {"ip6_tunnel", "fou6"}, with(ip6tnl0(), gue_port(6)), to6 + gue_udp},
        {"Gue_6in6", gue, 6, 6, {"ip6_tunnel", "fou6"}, with(ip6tnl0(), gue_port(6)), to6 + gue_udp},
        {"Gue1_4in4", gue1, 4, 4, {"ipip", "fou"}, with(tunl0, gue_port(4)), to4 + gue_udp},
        {"Gue1_6in6", gue1, 6, 6, {"ip6_tunnel", "fou6"}, with(ip6tnl0(), gue_port(6)), to6 + gue_udp},
        {"GreInFou_4in6", fou_gre, 4, 6, {"ip6_gre", "fou6"}, with(ip6gre0, fou_port(6, 47)), to6 + fou_udp},
        {"GreInGue_6in4", gue_gre, 6, 4, {"ip_gre", "fou"}, with(gre0, gue_port(4)), to4 + gue_udp},
        {"Geneve_4in4", geneve, 4, 4, {"geneve"}, geneve_from4, to4 + geneve_udp},
        {"Geneve_6in4", geneve, 6, 4, {"geneve"}, geneve_from4, to4 + geneve_udp},
        {"Geneve_4in6", geneve, 4, 6, {"geneve"}, geneve_from6, to6 + geneve_udp},
        {"Geneve_6in6", geneve, 6, 6, {"geneve"}, geneve_from6, to6 + geneve_udp},
        {"L3dsr_4", "{type: l3dsr, dscp: 2}", 4, 4, {}, l3dsr(4), to4 + "ip[1] == 8"},
        {"L3dsr_6", "{type: l3dsr, dscp: 2}", 6, 6, {}, l3dsr(6), to6 + "ip6[0:2] & 0xff0 == 0x080"},
    };
}

class LbdMatrix : public LbdTest, public testing::WithParamInterface<Way> {};

TEST_P(LbdMatrix, PagesUploadsAndNames) {
    const Way& way = GetParam();
    for (const std::string& module : way.modules) REQUIRE_MODULE(module);
    for (const std::string& command : way.receive) backend().must(command);
    const std::string vip = way.inner == 4 ? vip4 : vip6;
    const std::string address = way.outer == 4 ? "10.0.0.3" : "fd00::3";
    const HttpServer web(backend(), "backend", {vip});
    const DnsServer dns(backend(), "backend", {vip});

    const Balancer lbd(balancer(), fmt::format(R"(
        interfaces: [eth0]
        flows: {{entries: 64k}}
        services:
          - name: all
            vip: "{}"
            ports: [80/tcp, 53/udp, 53/tcp]
            encap: {}
            backends: [{{address: "{}"}}]
        )",
                                               vip, way.encap, address));
    Capture past_lbd(lan().host(), "balancer-eth0");

    EXPECT_EQ(http_get(client(), vip), "backend\n");
    http_put(client(), vip, "large", noise(1 << 20));
    EXPECT_EQ(web.uploaded("large"), noise(1 << 20));
    EXPECT_EQ(dns_whoami(client(), vip, Transport::udp), "backend");
    EXPECT_EQ(dns_whoami(client(), vip, Transport::tcp), "backend");

    const Packets packets = past_lbd.stop();
    EXPECT_GT(packets.count("ether src 02:00:0a:00:00:02 and " + way.on_the_wire), 700);  // 1 MiB in 1400-byte packets
    EXPECT_THAT(packets.lines("(tcp or udp) and src host " + vip), testing::IsEmpty());   // answers go to the client

    const auto counted = lbd.backend(address);
    EXPECT_GT(counted["packets"], 700);
    EXPECT_GT(counted["bytes"], 1 << 20);
    EXPECT_GE(counted["new_flows"], 4);
    const auto counters = lbd.show("counters");
    for (const auto& reason : counters["dropped"]) EXPECT_EQ(reason["packets"], 0) << reason;
}

INSTANTIATE_TEST_SUITE_P(Lbd, LbdMatrix, testing::ValuesIn(ways()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace culvert::netns
