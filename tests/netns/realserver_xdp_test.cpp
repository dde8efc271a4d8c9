// SPDX-License-Identifier: Apache-2.0
//
// A backend that decapsulates by XDP. Needs none of the kernel's tunnels.
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
#include "tests/netns/tunnels.hpp"

namespace culvert::netns {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class RealserverXdp : public LanTest {
  protected:
    void SetUp() override {
        LanTest::SetUp();
        if (IsSkipped()) return;
        client().ip(
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
    /// The XDP program in `status`.
    json counted() {
        const json status = json::parse(must("status --json"));
        for (const auto& item : status["items"])
            if (item["kind"] == "decap") return item;
        return {};
    }
};

TEST_F(RealserverXdp, EveryEncapsulationCarriesPagesUploadsAndNames) {
    const std::vector<Tunnel> all = every_tunnel();
    std::string services;
    std::vector<std::string> vips;
    for (const auto& [name, encap, vip, address] : all) {
        vips.push_back(vip);
        services += fmt::format(
            "  - {{name: '{}', vip: '{}', ports: [80/tcp, 53/udp, 53/tcp], encap: {}, backends: [{{address: "
            "'{}'}}]}}\n",
            name, vip, encap, address);
    }
    configure(receive_every_tunnel);
    must("apply");
    backend().set_sysctl("net.ipv6.ip_nonlocal_bind", "1");  // dnsmasq binds to addresses, which a prefix doesn't have
    const HttpServer web(backend(), "backend");
    const DnsServer dns(backend(), "backend", vips);
    const Balancer lbd(balancer(), "interfaces: [eth0]\nflows: {entries: 64k}\nservices:\n" + services);

    const std::size_t size = is_emulated ? 1 << 16 : 1 << 20;
    Capture capture(lan().host(), "balancer-eth0", "src net 192.0.2.0/24 or src net 2001:db8::/64");
    for (std::size_t i = 0; i < all.size(); ++i) {
        SCOPED_TRACE(all[i].name);
        EXPECT_EQ(http_get(client(), vips[i]), "backend\n");
        EXPECT_EQ(dns_whoami(client(), vips[i], Transport::udp), "backend");
        if (!is_emulated) {
            EXPECT_EQ(dns_whoami(client(), vips[i], Transport::tcp), "backend");
        }
        const std::string file = fmt::format("upload-{}", i);
        http_put(client(), vips[i], file, noise(size));
        EXPECT_EQ(web.uploaded(file), noise(size));
    }
    EXPECT_THAT(capture.stop().lines("tcp or udp"), IsEmpty()) << "answers go directly to the client";

    const json decap = counted();
    for (const char* kind : {"ipip", "gre", "fou", "gue", "geneve"}) {
        EXPECT_GT(decap["received"][kind]["packets"], 4 * size / 1498) << kind;  // in 1400-byte packets
        EXPECT_GT(decap["received"][kind]["bytes"], 4 * size) << kind;
    }
    for (const auto& [reason, packets] : decap["dropped"].items()) EXPECT_EQ(packets, 0) << reason;
    EXPECT_EQ(decap["state"], "ok");
}

/// Frames at the balancer's port that must be dropped or ignored.
constexpr const char* attacks = R"(
import socket, struct
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("eth0", 0))
def with_checksum(header):
    total = sum(struct.unpack("!%dH" % (len(header) // 2), header))
    total = (total & 0xffff) + (total >> 16)
    return header[:10] + struct.pack("!H", 0xffff - (total & 0xffff) - (total >> 16)) + header[12:]
def ip(source, destination, protocol, content, fragment=0):
    return with_checksum(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(content), 7, fragment, 64, protocol, 0,
                                     socket.inet_aton(source), socket.inet_aton(destination))) + content
def send(packet):
    wire.send(bytes.fromhex("02000a000003 02000a000002 0800") + packet)
echo = bytes.fromhex("0800 f7f8 0007 0000")
request = ip("10.0.0.1", "192.0.2.7", 1, echo)
send(ip("10.0.0.1", "10.0.0.3", 4, request))                                    # source
send(ip("10.0.0.2", "10.0.0.3", 4, ip("10.0.0.1", "10.0.0.3", 1, echo)))        # no_vip
send(ip("10.0.0.2", "10.0.0.3", 4, ip("10.0.0.3", "192.0.2.7", 1, echo)))       # inner_source
send(ip("10.0.0.2", "10.0.0.3", 4, ip("10.0.0.1", "192.0.2.7", 4, request)))    # nested
send(ip("10.0.0.2", "10.0.0.3", 4, request, fragment=0x2000))                   # fragment
send(ip("10.0.0.2", "10.0.0.3", 4, request))                                    # is answered
)";

TEST_F(RealserverXdp, AttacksAreDroppedAndCounted) {
    configure("  - {encap: ipip, via: xdp}\n");
    must("apply");
    Capture answers(client(), "eth0", "icmp[0] = 0");
    balancer().must("python3 -", attacks);
    EXPECT_TRUE(eventually([&] { return counted()["received"]["ipip"]["packets"] == 1; }));
    const json dropped = counted()["dropped"];
    for (const char* reason : {"source", "no_vip", "inner_source", "nested", "fragment"})
        EXPECT_EQ(dropped[reason], 1) << reason;
    EXPECT_EQ(answers.stop().lines("src host 192.0.2.7").size(), 1U);
    EXPECT_THAT(must("status"), HasSubstr("dropped: inner_source"));
}

TEST_F(RealserverXdp, TheGuardCountsOnlyOrIsOff) {
    const auto let_pass = [&](const std::string& reason) { return counted()["let_pass"][reason]; };
    configure("  - {encap: ipip, via: xdp}\nguard: log\n");
    EXPECT_THAT(must("apply"), HasSubstr("xdp native: ipip, guard log\n"));
    backend().set_sysctl("net.ipv4.conf.all.rp_filter", "0");
    backend().set_sysctl("net.ipv4.conf.eth0.rp_filter", "0");
    Capture answers(client(), "eth0", "icmp[0] = 0");
    balancer().must("python3 -", attacks);
    EXPECT_TRUE(eventually([&] { return counted()["received"]["ipip"]["packets"] == 5; }));
    for (const char* reason : {"source", "no_vip", "inner_source", "nested"}) EXPECT_EQ(let_pass(reason), 1) << reason;
    EXPECT_EQ(counted()["dropped"]["fragment"], 1) << "fragments can't be decapsulated";
    EXPECT_EQ(answers.stop().lines("src host 192.0.2.7 or src host 10.0.0.3").size(), 3U);
    EXPECT_THAT(must("status"), HasSubstr("let pass: no_vip"));

    configure("  - {encap: ipip, via: xdp}\nguard: off\n");
    EXPECT_THAT(must("apply"), HasSubstr("guard log -> xdp native: ipip, guard off\n"));
    balancer().must("python3 -", attacks);
    EXPECT_TRUE(eventually([&] { return counted()["received"]["ipip"]["packets"] == 10; }));
    EXPECT_EQ(let_pass("source"), 1) << "packets are not counted any more";
}

// Another version may have fewer counters or more.
TEST_F(RealserverXdp, CountersOfAnotherVersionAreTakenOver) {
    const std::string config = "  - {encap: ipip, via: xdp}\n";
    configure(config);
    must("apply");
    balancer().must("python3 -", attacks);
    EXPECT_TRUE(eventually([&] { return counted()["received"]["ipip"]["packets"] == 1; }));
    for (const int entries : {2, 99}) {
        SCOPED_TRACE(entries);
        // "source" is the first reason, "no_vip" is behind the second.
        backend().must(
            fmt::format("sh -ec 'cd $(dirname $(find /sys/fs/bpf/culvert/realserver -name reasons));"
                        "rm reasons;"
                        "bpftool map create $PWD/reasons type percpu_array key 4 value 8 entries {} name reasons'",
                        entries));
        EXPECT_EQ(counted()["dropped"]["source"], 0);
        EXPECT_EQ(counted()["dropped"]["no_vip"], 0);
        configure(config + fmt::format("guard: {}\n", entries == 2 ? "log" : "strict"));
        must("apply");
        EXPECT_EQ(counted()["state"], "ok");
        EXPECT_EQ(counted()["received"]["ipip"]["packets"], 1);
    }
    balancer().must("python3 -", attacks);
    EXPECT_TRUE(eventually([&] { return counted()["received"]["ipip"]["packets"] == 2; }));
    for (const char* reason : {"source", "no_vip"}) EXPECT_EQ(counted()["dropped"][reason], 1) << reason;
}

TEST_F(RealserverXdp, ItIsThereUntilTeardown) {
    const std::string before = snapshot(backend());
    configure("  - {encap: ipip, via: xdp}\n");
    EXPECT_THAT(must("apply"), HasSubstr("+ decap eth0: xdp native: ipip\n"));
    EXPECT_EQ(must("apply"), "nothing to change\n");

    // Tunnel packets may go to any other address of the host.
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

TEST_F(RealserverXdp, ItsVipsMayChange) {
    const auto apply = [&](const char* vips) {
        backend().write("/run/realserver.yaml",
                        fmt::format("balancers: [10.0.0.2]\nvips: {}\nreceive: [{{encap: ipip, via: xdp}}]\n", vips));
        must("apply");
        EXPECT_EQ(realserver("plan").status, 0) << "nothing is left to do";
    };
    apply("[192.0.2.1, '2001:db8::1']");
    apply("[192.0.2.2]");
    apply("[192.0.2.2, '2001:db8::1']");
    EXPECT_EQ(counted()["state"], "ok");

    // Somebody has the same address too, on another device and on lo with another length: that stays.
    backend().ip("addr add 192.0.2.2/24 dev eth0\naddr add 192.0.2.2/28 dev lo\n");
    apply("['2001:db8::1']");
    EXPECT_EQ(counted()["state"], "ok");
    EXPECT_THAT(backend().must("ip -4 addr show dev lo"),
                AllOf(HasSubstr("192.0.2.2/28"), Not(HasSubstr("192.0.2.2/32"))));
    EXPECT_THAT(backend().must("ip -4 addr show dev eth0"), HasSubstr("192.0.2.2/24"));
    must("teardown");
    EXPECT_THAT(backend().must("ip -4 addr show dev lo"), HasSubstr("192.0.2.2/28"));
}

TEST_F(RealserverXdp, SomebodyElsesProgramIsLeftAlone) {
    configure("  - {encap: ipip, via: xdp}\n");
    const Balancer other(backend(),
                         "interfaces: [eth0]\nservices: [{name: a, vip: 198.51.100.1, ports: any, encap: "
                         "{type: ipip}, backends: [{address: 10.0.0.9}]}]\n");
    const Output refused = realserver("apply");
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("attach decap eth0: Device or resource busy: it has an XDP program, which "
                                       "realserver did not attach (bpftool link detach id "));
}

// This user sees the files of the former state, but may not open what is pinned.
TEST_F(RealserverXdp, WhoMayNotReadTheProgramIsNotToldThatItIsSomebodyElses) {
    configure("  - {encap: ipip, via: xdp}\n");
    must("apply");
    const std::string few = "+net_admin,+net_raw,+dac_read_search";
    const auto said = [&](const std::string& command) {
        return backend().run(
            fmt::format("setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all,{0} "
                        "--ambient-caps=-all,{0} {1} {2} -c /run/realserver.yaml",
                        few, program(CULVERT_REALSERVER), command));
    };
    const Output check = said("check");
    EXPECT_THAT(check.out, Not(HasSubstr("device_taken"))) << check;
    EXPECT_THAT(check.out, HasSubstr("not_judged  the XDP program of eth0: read /sys/fs/bpf/culvert/realserver/"))
        << check;
    EXPECT_THAT(check.out, HasSubstr("/link: Permission denied (run as root)\n")) << check;
    EXPECT_THAT(said("plan").err,
                HasSubstr("attach decap eth0: it has an XDP program, and who attached it is not known"));
    EXPECT_EQ(must("plan"), "nothing to change\n");
}

TEST_F(RealserverXdp, ADriverThatCannotIsServedByTheStack) {
    // A bridge has no native XDP.
    backend().ip(
        "link add br0 address 02:00:0a:00:00:03 type bridge\nlink set eth0 master br0\naddr flush dev eth0\n"
        "addr add 10.0.0.3/24 dev br0\nlink set br0 up\n");
    backend().write("/run/realserver.yaml",
                    "balancers: [10.0.0.2]\nvips: [192.0.2.10]\nreceive: [{encap: gue, port: 5080, via: xdp}]\n");
    EXPECT_THAT(must("apply"), HasSubstr("+ decap br0: xdp generic: gue 5080\n"));
    EXPECT_EQ(must("apply"), "nothing to change\n");
    const HttpServer web(backend(), "backend");
    const Balancer lbd(balancer(),
                       "interfaces: [eth0]\nflows: {entries: 64k}\nservices:\n"
                       "  - {name: web, vip: 192.0.2.10, ports: [80/tcp], encap: {type: gue, port: 5080}, "
                       "backends: [{address: 10.0.0.3}]}\n");
    EXPECT_EQ(http_get(client(), "192.0.2.10"), "backend\n");
    http_put(client(), "192.0.2.10", "upload", noise(1 << 20));
    EXPECT_EQ(web.uploaded("upload"), noise(1 << 20));
}

// As the rendered unit grants them.
TEST_F(RealserverXdp, ThreeCapabilitiesAreEnough) {
    configure("  - {encap: ipip, via: xdp}\n");
    const std::string few = "setpriv --bounding-set=-all,+net_admin,+bpf,+perfmon --inh-caps=-all --no-new-privs ";
    EXPECT_THAT(backend().must(few + CULVERT_REALSERVER " apply -c /run/realserver.yaml"), HasSubstr("+ decap eth0"));
    EXPECT_THAT(backend().must(few + CULVERT_REALSERVER " status -c /run/realserver.yaml"), HasSubstr("xdp native"));
    EXPECT_THAT(backend().must(few + CULVERT_REALSERVER " teardown -c /run/realserver.yaml"),
                HasSubstr("- decap eth0"));
}

// If the kernel has its own tunnels, those are used.
TEST_F(RealserverXdp, IsUsedWhereTheKernelHasNoTunnelOfItsOwn) {
    const bool kernel_can = !missing_module("ipip");
    configure("  - {encap: ipip, inner: ipv4, family: ipv4}\n");
    const Output plan = realserver("plan");
    EXPECT_EQ(plan.status, 3);
    EXPECT_THAT(plan.out, kernel_can ? HasSubstr("link tunl0") : HasSubstr("+ decap eth0: xdp: ipip\n"));
}

TEST_F(RealserverXdp, MonitorAttachesItAnew) {
    configure("  - {encap: ipip, via: xdp}\n");
    const Process monitor = backend().spawn(CULVERT_REALSERVER " monitor -c /run/realserver.yaml");
    monitor.wait_for("ready");
    EXPECT_THAT(backend().run("ip link set dev eth0 xdp off").err, HasSubstr("active BPF XDP link"));
    backend().must("sh -c 'bpftool link detach pinned $(find /sys/fs/bpf -name link)'");
    monitor.wait_for("repaired: + decap eth0: xdp: ipip");
    EXPECT_EQ(must("plan"), "nothing to change\n");
    EXPECT_EQ(counted()["state"], "ok");
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
