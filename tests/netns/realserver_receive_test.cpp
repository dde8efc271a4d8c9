// SPDX-License-Identifier: Apache-2.0
//
// realserver against the kernel's own tunnel devices as the balancer.
//
//    client ──────┐
//  10.0.0.1       │
//  fd00::1        │
//   balancer ─────┼── switch      The client's route to the VIPs is the balancer, which puts requests into a tunnel.
//  10.0.0.2, .12  │               The backend's answers go directly to the client.
//  fd00::2, ::12  │
//   backend ──────┘
//  10.0.0.3
//  fd00::3, VIPs 192.0.2.1 and 2001:db8::1
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/netns/harness/netns_test.hpp"

namespace culvert::netns {
namespace {

using testing::AnyOf;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string vip4 = "192.0.2.1";
const std::string vip6 = "2001:db8::1";

class Backend : public NetnsTest {
  protected:
    /// After loading the modules: they bring devices.
    void build() {
        lan_.emplace();
        client_.emplace("client");
        balancer_.emplace("balancer");
        backend_.emplace("backend");
        lan_->connect({{*client_, "eth0", {"10.0.0.1/24", "fd00::1/64"}},
                       {*balancer_, "eth0", {"10.0.0.2/24", "10.0.0.12/24", "fd00::2/64", "fd00::12/64"}},
                       {*backend_, "eth0", {"10.0.0.3/24", "fd00::3/64"}}});
        client_->ip(fmt::format("route add {} via 10.0.0.2\nroute add {} via fd00::2\n", vip4, vip6));
        balancer_->set_sysctl("net.ipv4.ip_forward", "1");
        balancer_->set_sysctl("net.ipv6.conf.all.forwarding", "1");
    }

    void provision(const std::string& receive) {
        backend_->write("/run/realserver.yaml", fmt::format("balancers: [10.0.0.0/24, 'fd00::/64']\n"
                                                            "vips: [{}, '{}']\n"
                                                            "receive: [{}]\n",
                                                            vip4, vip6, receive));
        backend_->must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    }

    /// A page and a name from each VIP, and every answer directly from the backend.
    void expect_service() {
        if (!web_) web_.emplace(*backend_, "backend");
        if (!dns_) dns_.emplace(*backend_, "backend");
        Capture capture(*client_, "eth0", fmt::format("src host {} or src host {}", vip4, vip6));
        for (const std::string& vip : {vip4, vip6}) {
            SCOPED_TRACE(vip);
            EXPECT_EQ(http_get(*client_, vip), "backend\n");
            EXPECT_EQ(dns_whoami(*client_, vip), "backend");
        }
        const Packets answers = capture.stop();
        for (const std::string& vip : {vip4, vip6}) {
            EXPECT_GT(answers.count("tcp and src host " + vip), 0U);
            EXPECT_GT(answers.count("udp and src host " + vip), 0U);
        }
        EXPECT_THAT(answers.lines("not ether src 02:00:0a:00:00:03"), IsEmpty());
    }

    [[nodiscard]] const Host& client() const { return *client_; }
    [[nodiscard]] const Host& balancer() const { return *balancer_; }
    [[nodiscard]] const Host& backend() const { return *backend_; }
    [[nodiscard]] const Host& lan() const { return lan_->host(); }

  private:
    std::optional<Switch> lan_;
    std::optional<Host> client_, balancer_, backend_;
    std::optional<HttpServer> web_;
    std::optional<DnsServer> dns_;
};

struct Encapsulation {
    std::string name;
    std::string receive;  ///< for realserver.yaml, without the family
    bool gre = false;     ///< around the inner packet
    std::string udp{};    ///< "fou", "gue", or nothing
    int port_ipv4 = 0;    ///< for inner IPv4
    int port_ipv6 = 0;
    bool geneve = false;
};

const std::vector<Encapsulation> encapsulations{
    {"ipip", "{encap: ipip, family: $}"},
    {"gre", "{encap: gre, family: $}", true},
    {"fou", "{encap: fou, port: 5004, inner: ipv4, family: $}, {encap: fou, port: 5006, inner: ipv6, family: $}", false,
     "fou", 5004, 5006},
    {"fou_gre", "{encap: fou, port: 5047, inner: gre, family: $}", true, "fou", 5047, 5047},
    {"gue", "{encap: gue, port: 5080, family: $}", false, "gue", 5080, 5080},
    {"gue_gre", "{encap: gue, port: 5080, inner: gre, family: $}", true, "gue", 5080, 5080},
    {"geneve", "{encap: geneve, vni: 666, family: $}, {encap: geneve, vni: 667, family: $}", false, "", 6081, 6081,
     true},
};

struct Path {
    Encapsulation encapsulation;
    int outer;

    [[nodiscard]] std::string receive() const {
        std::string text = encapsulation.receive;
        for (auto at = text.find('$'); at != std::string::npos; at = text.find('$'))
            text.replace(at, 1, fmt::format("ipv{}", outer));
        return text;
    }

    /// The arguments of `ip link add … type` for the tunnel of one inner family.
    [[nodiscard]] std::string device(int inner) const {
        if (encapsulation.geneve)
            return fmt::format("geneve id {} remote {}", inner == 4 ? 666 : 667, outer == 4 ? "10.0.0.3" : "fd00::3");
        const bool gre = encapsulation.gre;
        std::string text = outer == 4 ? (gre ? "gre" : inner == 4 ? "ipip" : "sit") : gre ? "ip6gre" : "ip6tnl";
        if (outer == 6 && !gre) text += inner == 4 ? " mode ipip6" : " mode ip6ip6";
        if (outer == 6) text += " encaplimit none";
        text += outer == 4 ? " remote 10.0.0.3 local 10.0.0." : " remote fd00::3 local fd00::";
        text += inner == 4 ? "2" : "12";
        if (!encapsulation.udp.empty())
            text += fmt::format(" encap {} encap-sport auto encap-dport {} encap-csum encap-udp6-csum",
                                encapsulation.udp, port(inner));
        return text;
    }

    [[nodiscard]] int port(int inner) const { return inner == 4 ? encapsulation.port_ipv4 : encapsulation.port_ipv6; }

    /// A capture filter for packets from the balancer to the backend.
    [[nodiscard]] std::string on_the_wire(int inner) const {
        if (port(inner) != 0) return fmt::format("udp dst port {}", port(inner));
        return fmt::format("{} proto {}", outer == 4 ? "ip" : "ip6", encapsulation.gre ? 47 : inner == 4 ? 4 : 41);
    }
};

/// The outer family: 4 or 6. One encapsulation after the other is configured on the same backend.
class BackendOver : public Backend, public testing::WithParamInterface<int> {};

TEST_P(BackendOver, ServesBothFamiliesInEveryEncapsulation) {
    for (const char* module : {"ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6", "geneve"})
        REQUIRE_MODULE(module);
    build();
    for (const Encapsulation& encapsulation : encapsulations) {
        SCOPED_TRACE(encapsulation.name);
        const Path path{encapsulation, GetParam()};
        std::string lines;
        for (const int inner : {4, 6})
            lines += fmt::format("link add to{0} type {1}\nlink set to{0} up\n", inner, path.device(inner));
        lines += fmt::format("route add {} dev to4\nroute add {} dev to6\n", vip4, vip6);
        if (encapsulation.geneve)  // the MAC address of every backend's device
            lines += fmt::format(
                "neigh add {} lladdr 02:43:55:4c:56:54 dev to4\n"
                "neigh add {} lladdr 02:43:55:4c:56:54 dev to6\n",
                vip4, vip6);
        balancer().ip(lines);

        provision(path.receive());

        // In pcap filters, "and" and "or" have the same precedence.
        Capture tunnel(lan(), "backend-eth0", fmt::format("({}) or ({})", path.on_the_wire(4), path.on_the_wire(6)));
        expect_service();
        const Packets outer = tunnel.stop();
        for (const int inner : {4, 6}) EXPECT_GT(outer.count(path.on_the_wire(inner)), 0U);
        balancer().ip("link del to4\nlink del to6\n");
    }
}

INSTANTIATE_TEST_SUITE_P(, BackendOver, testing::Values(4, 6),
                         [](const auto& outer) { return fmt::format("ipv{}", outer.param); });

TEST_F(Backend, OneGuePortServesBothOuterFamilies) {
    for (const char* module : {"ipip", "sit", "ip6_tunnel", "fou", "fou6"}) REQUIRE_MODULE(module);
    build();
    balancer().ip(
        fmt::format("link add to4 type ipip remote 10.0.0.3 local 10.0.0.2 encap gue encap-dport 5080\n"
                    "link add to6 type ip6tnl mode ip6ip6 remote fd00::3 local fd00::2 encaplimit none "
                    "encap gue encap-dport 5080\n"
                    "link set to4 up\nlink set to6 up\nroute add {} dev to4\nroute add {} dev to6\n",
                    vip4, vip6));
    provision("{encap: gue, port: 5080}");
    for (const std::string& vip : {vip4, vip6}) EXPECT_TRUE(client().run("ping -c 1 -W 5 " + vip).ok()) << vip;
}

TEST_F(Backend, ABoundFouPortTakesOnlyWhatItIsBoundTo) {
    for (const char* module : {"ipip", "fou"}) REQUIRE_MODULE(module);
    build();
    backend().ip("addr add 10.0.0.13/24 dev eth0\n");
    provision("{encap: fou, port: 5004, inner: ipv4, local: 10.0.0.3, peer: 10.0.0.2, peer_port: 7777, dev: eth0}");
    const auto gets_through = [this](std::string_view ends, int port) {
        balancer().ip(
            fmt::format("link add to4 type ipip {} encap fou encap-sport {} encap-dport 5004\n"
                        "link set to4 up\nroute add {} dev to4\n",
                        ends, port, vip4));
        const bool answered = client().run("ping -c 1 -W 2 " + vip4).ok();
        balancer().ip("link del to4\n");
        return answered;
    };
    EXPECT_TRUE(gets_through("remote 10.0.0.3 local 10.0.0.2", 7777));
    EXPECT_FALSE(gets_through("remote 10.0.0.3 local 10.0.0.2", 7778));
    EXPECT_FALSE(gets_through("remote 10.0.0.3 local 10.0.0.12", 7777));
    EXPECT_FALSE(gets_through("remote 10.0.0.13 local 10.0.0.2", 7777));
    EXPECT_TRUE(gets_through("remote 10.0.0.3 local 10.0.0.2", 7777));
}

// The balancer marks packets for the VIPs and sends them to the backend's own address.
TEST_F(Backend, ServesL3dsr) {
    build();
    balancer().must("nft -f -", fmt::format(R"(
table inet balancer {{
    chain l3dsr {{
        type filter hook prerouting priority raw
        ip daddr {} ip dscp set 2 ip daddr set 10.0.0.3 notrack
        ip6 daddr {} ip6 dscp set 3 ip6 daddr set fd00::3 notrack
    }}
}})",
                                            vip4, vip6));
    provision(fmt::format("{{encap: l3dsr, dscp: 2, vip: {}}}, {{encap: l3dsr, dscp: 3, vip: '{}'}}", vip4, vip6));
    Capture marked(lan(), "backend-eth0", "dst host 10.0.0.3 or dst host fd00::3");
    expect_service();
    const Packets requests = marked.stop();
    EXPECT_GT(requests.count("ip[1] = 8"), 0U);
    EXPECT_GT(requests.count("ip6[0:2] & 0x0ff0 = 0x00c0"), 0U);
}

// Connection tracking on the backend must not keep answers from leaving.
TEST_F(Backend, ServesL3dsrBesideConntrack) {
    build();
    backend().must("nft -f -", R"(
table inet firewall {
    chain input { type filter hook input priority filter; ct state established,related accept; ct state invalid drop; }
    chain output { type filter hook output priority filter; ct state invalid drop; }
})");
    balancer().must("nft -f -", fmt::format(R"(
table inet balancer {{
    chain l3dsr {{
        type filter hook prerouting priority raw
        ip daddr {} ip dscp set 2 ip daddr set 10.0.0.3 notrack
        ip6 daddr {} ip6 dscp set 2 ip6 daddr set fd00::3 notrack
    }}
}})",
                                            vip4, vip6));
    provision(fmt::format("{{encap: l3dsr, dscp: 2, vip: {}}}, {{encap: l3dsr, dscp: 2, vip: '{}'}}", vip4, vip6));
    expect_service();
}

//  client ── switch ── backend ── inner 10.0.9.9
TEST_F(Backend, ForwardsMarkedPacketsOfOthersUntouched) {
    build();
    const Host inner("inner");
    connect({backend(), "eth1", {"10.0.9.1/24"}}, {inner, "eth0", {"10.0.9.9/24"}});
    backend().set_sysctl("net.ipv4.ip_forward", "1");
    inner.ip("route add default via 10.0.9.1\n");
    client().ip("route add 10.0.9.0/24 via 10.0.0.3\n");
    provision(fmt::format("{{encap: l3dsr, dscp: 2, vip: {}}}", vip4));
    EXPECT_TRUE(client().run("ping -c 1 -W 5 -Q 0x08 10.0.9.9").ok());
}

// Frames to the backend's MAC address; the balancer is not needed for that.
TEST_F(Backend, ServesL2) {
    build();
    provision("{encap: l2}");
    for (const std::string& vip : {vip4, vip6})
        client().ip(
            fmt::format("route del {0}\nroute add {0} dev eth0\n"
                        "neigh replace {0} lladdr 02:00:0a:00:00:03 dev eth0 nud permanent\n",
                        vip));
    expect_service();
}

// On the LAN the backend never claims the VIP: not when asked, and not by itself (duplicate detection, announcements,
// its own solicitations).
TEST_F(Backend, NeverSaysThatItHasAVip) {
    REQUIRE_PROGRAM("arping");
    REQUIRE_PROGRAM("ndisc6");
    build();
    const auto has = [this](const std::string& address) {
        return client().run((address.find(':') == std::string::npos ? "arping -c 1 -w 2 -I eth0 " + address
                                                                    : "ndisc6 -1 -r 1 -w 2000 " + address + " eth0"));
    };
    backend().ip(fmt::format("addr add {}/32 dev lo\n", vip4));
    EXPECT_TRUE(has(vip4).ok()) << "it could announce it by itself";
    backend().ip(fmt::format("addr del {}/32 dev lo\n", vip4));
    for (const char* own : {"10.0.0.3", "fd00::3"}) EXPECT_TRUE(has(own).ok()) << has(own);

    Capture capture(lan(), "backend-eth0", "(arp or icmp6) and ether src 02:00:0a:00:00:03");
    backend().write("/run/realserver.yaml",
                    "vips: [192.0.2.1, '2001:db8::1', 198.51.100.0/28, '2001:db8:1::/64']\nreceive: [{encap: l2}]\n");
    backend().must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    for (const char* vip : {"192.0.2.1", "2001:db8::1", "198.51.100.7", "2001:db8:1::7"})
        EXPECT_FALSE(has(vip).ok()) << has(vip);
    // To answer, it must solicit the client.
    backend().ip("neigh flush dev eth0\n");
    for (const std::string& vip : {vip4, vip6}) {
        client().ip(
            fmt::format("route replace {0} dev eth0\n"
                        "neigh replace {0} lladdr 02:00:0a:00:00:03 dev eth0 nud permanent\n",
                        vip));
        EXPECT_TRUE(client().run("ping -c 1 -W 5 " + vip).ok()) << vip;
    }
    const Packets said = capture.stop();
    EXPECT_GT(said.count("arp[6:2] = 1"), 0U);
    EXPECT_THAT(said.lines("arp host 192.0.2.1 or arp net 198.51.100.0/28"), IsEmpty());
    EXPECT_THAT(said.lines("icmp6[0] = 135 or icmp6[0] = 136"),
                Each(Not(AnyOf(HasSubstr("2001:db8::1 "), HasSubstr("2001:db8::1,"), HasSubstr("2001:db8:1:")))));
}

TEST_F(Backend, AnswersForEveryAddressOfAPrefix) {
    build();
    backend().write("/run/realserver.yaml", "vips: [198.51.100.0/28, '2001:db8:1::/64']\nreceive: [{encap: l2}]\n");
    backend().must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    client().ip("route add 198.51.100.0/28 via 10.0.0.3\nroute add 2001:db8:1::/64 via fd00::3\n");
    for (const char* address : {"198.51.100.0", "198.51.100.7", "198.51.100.15", "2001:db8:1::", "2001:db8:1::ffff"})
        EXPECT_TRUE(client().run(fmt::format("ping -c 1 -W 5 {}", address)).ok()) << address;
}

}  // namespace
}  // namespace culvert::netns
