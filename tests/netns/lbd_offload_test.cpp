// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <map>
#include <vector>

#include "tests/netns/harness/default_offloads.hpp"
#include "tests/netns/lbd_test.hpp"

/// Cards with the kernel's default settings: hosts leave checksums to them, and they merge arriving packets.
namespace culvert::netns {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// The kind of the balancer's port, and the XDP mode there.
struct Place {
    const char* name;
    const char* device;  ///< "eth0", or a device on top of it
    const char* xdp;
    int mtu = 1500;

    friend void PrintTo(const Place& place, std::ostream* stream) { *stream << place.name; }
};

//   client ──── switch ──── eth0 ── br0 or bond0 of the balancer
//                  │
//               backend, to which the switch sends packets with complete checksums, so that it looks at them
class LbdOffload : public LbdTest {
  protected:
    void set_up(const Place& place) {
        place_ = place;
        const std::string device = place.device;
        if (device == "bond0") REQUIRE_MODULE("bonding");
        for (const Host* host : {&client(), &balancer()}) use_default_offloads(*host, {"eth0"});
        use_default_offloads(lan().host(), {"client-eth0", "balancer-eth0"});
        merge_arrivals(balancer(), "eth0");
        if (device == "br0")
            balancer().ip(
                "addr flush dev eth0\nlink add br0 address 02:00:0a:00:00:02 type bridge mcast_snooping 0\n"
                "link set eth0 master br0\n");
        if (device == "bond0")
            balancer().ip(
                "addr flush dev eth0\nlink set eth0 down\n"
                "link add bond0 address 02:00:0a:00:00:02 type bond miimon 20 mode active-backup\n"
                "link set eth0 master bond0\n");
        if (place.mtu != 1500)
            balancer().ip(fmt::format("link set eth0 mtu {0}\nlink set {1} mtu {0}\n", place.mtu, device));
        if (device != "eth0")
            balancer().ip(
                fmt::format("link set {0} up\naddr add 10.0.0.2/24 dev {0}\naddr add fd00::2/64 dev {0}\n", device));
    }

    [[nodiscard]] std::string head() const {
        return fmt::format("interfaces: [{}]\nxdp: {}\nflows: {{entries: 64k}}\n", place_.device, place_.xdp);
    }
    /// A feature of a device of the balancer, as ethtool prints it: "on", "off", "off [fixed]".
    [[nodiscard]] std::string feature(const std::string& device, const std::string& name) {
        const std::string all = balancer().must("ethtool -k " + device);
        const auto at = all.find(name + ": ");
        if (at == std::string::npos) return {};
        const auto begin = at + name.size() + 2;
        return all.substr(begin, all.find('\n', begin) - begin);
    }
    [[nodiscard]] std::string gro(const std::string& device) { return feature(device, "generic-receive-offload"); }

  private:
    Place place_{};
};

std::uint64_t sent_to_backends(const Balancer& lbd) {
    std::uint64_t packets = 0;
    for (const auto& backend : lbd.show("backends")) packets += backend["packets"].get<std::uint64_t>();
    return packets;
}

void expect_no_drops(const Balancer& lbd) {
    const auto counters = lbd.show("counters");
    for (const auto& reason : counters["dropped"]) EXPECT_EQ(reason["packets"], 0) << reason;
}

constexpr const char* by_balancer =
    "ether src 02:00:0a:00:00:02 and not ether multicast and not arp and not icmp and not icmp6";

class LbdOffloads : public LbdOffload, public testing::WithParamInterface<Place> {
  protected:
    void SetUp() override {
        LbdOffload::SetUp();
        if (!IsSkipped()) set_up(GetParam());
    }
};

INSTANTIATE_TEST_SUITE_P(Lbd, LbdOffloads,
                         testing::Values(Place{"veth_native", "eth0", "native"},
                                         Place{"veth_generic", "eth0", "generic"}, Place{"bridge", "br0", "auto"},
                                         Place{"bridge_9000", "br0", "generic", 9000},
                                         Place{"bond_native", "bond0", "native"},
                                         Place{"bond_generic", "bond0", "generic"},
                                         Place{"bond_9000", "bond0", "generic", 9000}),
                         [](const auto& tested) { return tested.param.name; });

// Each encapsulation has a port of the VIPs. No host decapsulates: the test looks at the wire.
TEST_P(LbdOffloads, WhatIsCountedHasLeftAndLeftRight) {
    const std::vector<std::string> encaps{"{type: l2}",
                                          "{type: l3dsr, dscp: 2}",
                                          "{type: ipip}",
                                          "{type: gre}",
                                          "{type: fou, port: 500@}",
                                          "{type: gue, port: 5080}",
                                          "{type: gue, port: 508@, variant: 1}",
                                          "{type: geneve, vni: 666}"};
    constexpr int datagrams = 30;
    std::string config = head() + "services:\n", targets;
    int port = 1000, ways = 0;
    for (const std::string& encap : encaps)
        for (const auto& [vip, backend] :
             {std::pair{vip4, "10.0.0.3"}, {vip4, "fd00::3"}, {vip6, "fd00::3"}, {vip6, "10.0.0.3"}}) {
            const bool same_family = (vip == vip4) == (std::string(backend) == "10.0.0.3");
            if (encap.find("l3dsr") != std::string::npos && !same_family) continue;
            std::string its_encap = encap;  // so that tshark knows the content
            if (const auto at = its_encap.find('@'); at != std::string::npos) its_encap[at] = vip == vip4 ? '4' : '6';
            config += fmt::format(
                "  - {{name: s{0}, vip: '{1}', ports: [{0}/udp], encap: {2}, backends: [{{address: '{3}'}}]}}\n",
                ++port, vip, its_encap, backend);
            targets += fmt::format("('{}', {}), ", vip, port);
            ++ways;
        }
    const Balancer lbd(balancer(), config);
    ASSERT_TRUE(eventually([&] { return lbd.reaches("10.0.0.3") && lbd.reaches("fd00::3"); }));
    Capture wire(lan().host(), "backend-eth0", by_balancer);

    client().write("/run/send.py", fmt::format(R"(
import socket
for i in range({}):
    for vip, port in [{}]:
        s = socket.socket(socket.AF_INET6 if ':' in vip else socket.AF_INET, socket.SOCK_DGRAM)
        s.connect((vip, port))
        s.send(bytes(range(256)) * 4 + bytes(i))
)",
                                               datagrams, targets));
    client().must("python3 /run/send.py");

    const auto sent = static_cast<std::uint64_t>(datagrams * ways);
    EXPECT_TRUE(eventually([&] { return sent_to_backends(lbd) == sent; })) << lbd.show("counters") << lbd.log();
    const Packets packets = wire.stop();
    EXPECT_EQ(packets.count(), sent);
    expect_no_drops(lbd);
    EXPECT_THAT(
        packets.fields({"frame.number"}, "ip.checksum.status == 0 || udp.checksum.status == 0",
                       {"udp.port==5004,ip", "udp.port==5006,ipv6", "udp.port==5084,ip", "udp.port==5086,ipv6"}),
        IsEmpty());
}

TEST_P(LbdOffloads, UploadsAndNames) {
    backend().must("nft add table inet lb");
    backend().must("nft add chain inet lb in '{ type filter hook prerouting priority raw; }'");
    backend().must(fmt::format("nft add rule inet lb in ip dscp 2 ip daddr set {} notrack", vip4));
    backend().must(fmt::format("nft add rule inet lb in ip6 dscp 2 ip6 daddr set {} notrack", vip6));
    const HttpServer web(backend(), "backend", {vip4, vip6});
    const DnsServer dns(backend(), "backend", {vip4, vip6});
    const Balancer lbd(balancer(), head() + R"(
services:
  - {name: web4, vip: 192.0.2.1, ports: [80/tcp], encap: {type: l2}, backends: [{address: 10.0.0.3}]}
  - {name: web6, vip: '2001:db8::1', ports: [80/tcp], encap: {type: l3dsr, dscp: 2}, backends: [{address: 'fd00::3'}]}
  - {name: dns4, vip: 192.0.2.1, ports: [53/udp, 53/tcp], encap: {type: l3dsr, dscp: 2}, backends: [{address: 10.0.0.3}]}
  - {name: dns6, vip: '2001:db8::1', ports: [53/udp, 53/tcp], encap: {type: l2}, backends: [{address: 'fd00::3'}]}
)");
    ASSERT_TRUE(eventually([&] { return lbd.reaches("10.0.0.3") && lbd.reaches("fd00::3"); }));
    Capture wire(lan().host(), "backend-eth0", by_balancer);

    const std::string large = noise(1 << 20);
    http_put(client(), vip4, "large4", large);
    http_put(client(), vip6, "large6", large);
    EXPECT_EQ(web.uploaded("large4"), large);
    EXPECT_EQ(web.uploaded("large6"), large);
    for (const char* vip : {vip4, vip6})  // an answer to a datagram tells that all packets before it have arrived
        for (const Transport transport : {Transport::tcp, Transport::udp})
            EXPECT_EQ(dns_whoami(client(), vip, transport), "backend") << vip;

    const Packets packets = wire.stop();
    EXPECT_EQ(packets.count(), sent_to_backends(lbd));
    EXPECT_GT(packets.count(), 1500U);
    expect_no_drops(lbd);
    EXPECT_EQ(lbd.counted("too_big_sent"), 0);
}

class LbdMembers : public LbdOffload {
  protected:
    void SetUp() override {
        LbdOffload::SetUp();
        if (!IsSkipped()) set_up({"bridge", "br0", "auto"});
    }
    [[nodiscard]] std::string config() const {
        return head() +
               "services:\n  - {name: web, vip: 192.0.2.1, ports: any, encap: {type: l2}, backends: [{address: "
               "10.0.0.3}]}\n";
    }
};

TEST_F(LbdMembers, HaveTheirOffloadsBackOnceNothingIsBalanced) {
    ASSERT_EQ(gro("eth0"), "on");
    {
        Balancer lbd(balancer(), config());
        EXPECT_EQ(gro("eth0"), "off");
        EXPECT_EQ(lbd.said("eth0: rx-gro turned off"), 1U) << lbd.log();
        (void)lbd.stop(SIGKILL);
    }
    EXPECT_EQ(gro("eth0"), "off");  // lbd still balances there
    {
        Balancer lbd(balancer(), config());
        EXPECT_EQ(gro("eth0"), "off");
        EXPECT_EQ(lbd.said("rx-gro"), 0U) << lbd.log();
        balancer().must(CULVERT_LBD " stop --detach");
        (void)lbd.wait();
        EXPECT_EQ(lbd.said("eth0: rx-gro turned on again"), 1U) << lbd.log();
    }
    EXPECT_EQ(gro("eth0"), "on");
    {
        Balancer lbd(balancer(), config());
        EXPECT_EQ(gro("eth0"), "off");
        (void)lbd.stop(SIGKILL);
    }
    balancer().must(CULVERT_LBD " stop --detach");
    EXPECT_EQ(gro("eth0"), "on");

    balancer().must("ethtool -K eth0 gro off");
    {
        Balancer lbd(balancer(), config());
        balancer().must(CULVERT_LBD " stop --detach");
        (void)lbd.wait();
    }
    EXPECT_EQ(gro("eth0"), "off");  // as it was
}

TEST_F(LbdMembers, MayComeAndGo) {
    const Balancer lbd(balancer(), config());
    Switch another("another");  // by the same one frames would loop
    another.connect({{balancer(), "eth1", {"10.1.0.2/24"}}});
    EXPECT_EQ(gro("eth1"), "on");
    balancer().ip("link set eth1 master br0\n");
    EXPECT_TRUE(eventually([&] { return gro("eth1") == "off"; })) << lbd.log();
    balancer().ip("link set eth1 nomaster\n");
    EXPECT_TRUE(eventually([&] { return gro("eth1") == "on"; })) << lbd.log();
    EXPECT_EQ(gro("eth0"), "off");
}

// Frames that the switch merges and doesn't segment again, as no wire carries them.
TEST_F(LbdMembers, FramesLongerThanTheWireTakesAreDroppedForThat) {
    lan().host().ip("link set balancer-eth0 gso_max_segs 65535\n");
    lan().host().must("ethtool -K balancer-eth0 tso on");
    merge_arrivals(lan().host(), "client-eth0");
    client().ip("link set eth0 mtu 1500\n");
    const HttpServer web(backend(), "backend", {vip4});
    const Balancer lbd(balancer(), config());
    client().write("/run/large", noise(1 << 20));
    (void)client().run("curl -sS --max-time 3 -T /run/large http://192.0.2.1/upload/large");
    EXPECT_GT(lbd.dropped("merged"), 0);
    EXPECT_EQ(lbd.dropped("too_big"), 0);
    EXPECT_EQ(lbd.counted("too_big_sent"), 0);
    EXPECT_THAT(balancer().must(CULVERT_LBD " show counters"), HasSubstr("gro off"));
}

TEST_F(LbdMembers, TagsThatGenericXdpDoesNotSeeAreRefused) {
    REQUIRE_MODULE("8021q");
    balancer().ip("link add link br0 name br0.10 up type vlan id 10\n");
    balancer().write("/run/lbd.yaml", config());
    const Output output = balancer().run(CULVERT_LBD " run -c /run/lbd.yaml");
    EXPECT_EQ(output.status, 1);
    EXPECT_THAT(output.err, HasSubstr("balance by generic XDP on br0"));
    EXPECT_THAT(output.err, HasSubstr("interfaces: [br0.10] instead of br0"));
    EXPECT_EQ(gro("eth0"), "on");
    EXPECT_THAT(balancer().must("ip link show dev br0"), Not(HasSubstr("xdp")));
    const Output checked = balancer().run(CULVERT_LBD " run --check -c /run/lbd.yaml");
    EXPECT_EQ(checked.status, 1);
    EXPECT_EQ(checked.err, output.err);

    SCOPED_TRACE("cure of tags_not_seen");
    std::string cured = config();
    balancer().write("/run/lbd.yaml", cured.replace(cured.find("br0"), 3, "br0.10"));
    EXPECT_EQ(balancer().run(CULVERT_LBD " run --check -c /run/lbd.yaml").status, 0);
}

class LbdTags : public LbdOffload {};

TEST_F(LbdTags, AreLeftInTheFrame) {
    set_up({"veth_generic", "eth0", "generic"});
    balancer().must("ethtool -K eth0 rxvlan on");
    const std::string config =
        head() +
        "services:\n  - {name: web, vip: 192.0.2.1, ports: any, encap: {type: l2}, backends: [{address: 10.0.0.3}]}\n";
    {
        Balancer lbd(balancer(), config);
        EXPECT_EQ(feature("eth0", "rx-vlan-offload"), "off") << lbd.log();
        balancer().must(CULVERT_LBD " stop --detach");
        (void)lbd.wait();
    }
    EXPECT_EQ(feature("eth0", "rx-vlan-offload"), "on");
}

//   client in VLAN 10, 10.1.0.1 ── balancer in VLANs 10 and 20 ── backend in VLAN 20, 10.2.0.3; answers go untagged
TEST_F(LbdTags, BecomeTheBackends) {
    REQUIRE_MODULE("8021q");
    set_up({"veth_generic", "eth0", "generic"});
    for (const Host* host : {&client(), &balancer(), &backend()})
        host->must(
            "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 "
            "net.ipv4.conf.eth0.rp_filter=0");
    client().ip("link add link eth0 name a up type vlan id 10\naddr add 10.1.0.1/24 dev a\n");
    balancer().ip("link add link eth0 name a up type vlan id 10\naddr add 10.1.0.2/24 dev a\n");
    balancer().ip("link add link eth0 name b up type vlan id 20\naddr add 10.2.0.2/24 dev b\n");
    backend().ip("link add link eth0 name b up type vlan id 20\naddr add 10.2.0.3/24 dev b\n");
    client().ip("route replace 192.0.2.1 via 10.1.0.2 dev a src 10.0.0.1\n");
    const DnsServer dns(backend(), "backend", {vip4});
    const HttpServer web(backend(), "backend", {vip4});
    const Balancer lbd(balancer(), head() +
                                       "services:\n  - {name: all, vip: 192.0.2.1, ports: any, encap: {type: l2}, "
                                       "backends: [{address: 10.2.0.3}]}\n");
    ASSERT_TRUE(eventually([&] { return lbd.reaches("10.2.0.3"); }));
    Capture wire(lan().host(), "balancer-eth0", "ether src 02:00:0a:00:00:02");
    EXPECT_EQ(dns_whoami(client(), vip4), "backend");
    http_put(client(), vip4, "large", noise(1 << 20));
    EXPECT_EQ(web.uploaded("large"), noise(1 << 20));
    const Packets packets = wire.stop();
    EXPECT_EQ(packets.count("ether[12:2] = 0x8100 and ether[14:2] & 0xfff = 20 and ether[16:2] = 0x0800"),
              sent_to_backends(lbd));
    expect_no_drops(lbd);
}

}  // namespace
}  // namespace culvert::netns
