// SPDX-License-Identifier: Apache-2.0
//
// Faults that keep a host from working as a backend: found, and cured.
#include "tests/netns/realserver_check.hpp"

namespace culvert::netns {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

const std::string own_mss = "mss: 1300\n";  // otherwise a new MTU requires another rule

/// For requests without encapsulation: the router's.
class CheckOfBareRequests : public CheckTest {
  protected:
    void SetUp() override {
        CheckTest::SetUp();
        if (IsSkipped()) return;
        build(fmt::format("{{encap: l3dsr, dscp: 2, vip: {}}}, {{encap: l3dsr, dscp: 2, vip: '{}'}}, {{encap: l2}}",
                          vip4, vip6),
              own_mss);
        apply();
    }

    void serve() { web_.emplace(backend(), "web", std::vector<std::string>{vip4, vip6}); }

    void answers() override {
        for (const char* vip : {vip4, vip6}) EXPECT_EQ(http_get(client(), vip), "web\n");
    }

  private:
    std::optional<HttpServer> web_;
};

class CheckOfTunnels : public CheckTest {};

/// Restores what vanishes when IPv6 is disabled.
const std::string own_ipv6 =
    "ip link set eth0 mtu 1500; ip addr add fd00::3/64 dev eth0 nodad; ip -6 route replace default via fd00::1";

const std::string input = "filter hook input priority 0";
const std::string output = "filter hook output priority 0";

/// Diverts the route from clients.
const std::string turn_away =
    "ip link add out0 type veth peer out1; ip link set out0 up; ip link set out1 up; ip route replace default dev out0";
const std::string turn_back = "ip route replace default via 10.0.0.1; ip link del out0";

TEST_F(CheckOfBareRequests, AreServed) {
    expect_advised("nobody_listens", [this] { serve(); });
    EXPECT_THAT(backend().must(CULVERT_REALSERVER " check -c /run/realserver.yaml"), HasSubstr("in order: "));
    answers();

    expect_cured({
        {"sysctl_reset",
         "echo net.ipv4.conf.all.arp_announce = 0 >/etc/sysctl.d/10-theirs.conf;"
         "sysctl -qp /etc/sysctl.d/10-theirs.conf",
         "/etc/sysctl.d/10-theirs.conf: "},
        {"vip_missing", "ip addr del 192.0.2.1/32 dev lo", vip4},
        {"vip_missing",
         "modprobe -q tun || :; ip addr del 192.0.2.1/32 dev lo; ip tuntap add t0 mode tun;"
         "ip addr add 192.0.2.1/32 dev t0",
         "t0: 192.0.2.1/32", "", "ip link del t0"},
        {"vip_on_device", "ip addr add 192.0.2.1/32 dev eth0", "eth0"},
        {"vip_on_device", "ip addr add 2001:db8::1/128 dev eth0", "eth0"},
        {"vip_on_device",
         "sed -i.bak 's/^vips: ./&10.0.0.3, /' /run/realserver.yaml",
         "only address on eth0",
         "mv /run/realserver.yaml.bak /run/realserver.yaml;" + apply_again,
         "",
         {"nobody_listens", "rules_differ"}},
        {"proxy_answers_vip",
         "sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.eth0.proxy_ndp=1;"
         "ip neigh add proxy 2001:db8::1 dev eth0",
         "ip neigh del proxy 2001:db8::1 dev eth0"},
        {"rules_missing", "nft delete table inet culvert"},
        {"rules_differ", "nft add rule inet culvert l3dsr counter"},
        {"arp_answers_vip", "rm -rf /run/culvert; sysctl -qw net.ipv4.conf.all.arp_ignore=0"},
        {"arp_announces_vip", "rm -rf /run/culvert; sysctl -qw net.ipv4.conf.all.arp_announce=0"},
        {"rp_filter_drops", turn_away, "dev out0", "", turn_back},
        {"ipv6_disabled", "sysctl -qw net.ipv6.conf.lo.disable_ipv6=1", "lo"},
        {"ipv6_disabled", "sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1", "eth0", "", own_ipv6, {"no_route_back"}},
        {"ipv6_disabled", "ip link set eth0 mtu 1279", "1279", "", own_ipv6, {"no_route_back"}},
        {"vip_takes_others",
         "ip route replace default via 10.0.0.2; sed -i.bak 's/^vips: ./&10.0.0.2, /' /run/realserver.yaml",
         "a gateway",
         "mv /run/realserver.yaml.bak /run/realserver.yaml;" + apply_again,
         "ip route replace default via 10.0.0.1",
         {"nobody_listens", "rules_differ"}},
        {"vip_takes_others",
         "sed -i.bak 's/^vips: ./&10.0.0.0\\/24, /; s/10.0.0.1,/192.0.2.7,/' /run/realserver.yaml",
         "own address",
         "mv /run/realserver.yaml.bak /run/realserver.yaml;" + apply_again,
         "",
         {"nobody_listens", "rules_differ"}},
    });
    const std::string path = std::getenv("PATH");
    set_path("/run");  // without nft
    expect_advised("firewall_unread", [&] { set_path(path); });
}

TEST_F(CheckOfBareRequests, SayWhatCouldNotBeRead) {
    serve();
    expect_in_order();
    sh("install -m 000 /dev/null /etc/sysctl.d/90-secret.conf");
    const std::string unprivileged = "setpriv --bounding-set=-dac_override,-dac_read_search ";
    const std::string check = unprivileged + program(CULVERT_REALSERVER) + " check -c /run/realserver.yaml";
    const Output text = backend().run(check);
    EXPECT_EQ(text.status, 0) << text;
    EXPECT_THAT(text.out, HasSubstr("not_judged  which files set sysctls at boot: read /etc/sysctl.d/90-secret.conf: "
                                    "Permission denied"));
    const json said = json::parse(backend().run(check + " -j").out);
    EXPECT_EQ(said.at("in_order"), true);
    EXPECT_EQ(said.at("not_judged").at(0).at("what"), "which files set sysctls at boot");
}

TEST_F(CheckOfBareRequests, FindTheirWayBack) {
    serve();
    const std::string replace4 = "ip route replace default via 10.0.0.1";
    const std::string alone = "ip route del default; ip route add default via 10.0.0.1 table 100;";
    const std::string alone6 = "ip -6 route del default; ip -6 route add default via fd00::1 table 100;";
    const std::string mark_answers =
        "nft 'add table inet theirs; add chain inet theirs c {type route hook output priority mangle;};"
        "add rule inet theirs c tcp sport 80 meta mark set meta mark | 5';";
    const std::string unmark = "nft delete table inet theirs";
    const std::string put_back = replace4 + "; ip rule del from 192.0.2.1 lookup 100; ip route flush table 100;";
    expect_cured({
        {"no_route_back", "ip route del default", "Network is unreachable", replace4},
        {"no_route_back", "ip -6 route del default", "Network is unreachable",
         "ip -6 route replace default via fd00::1"},
        {"no_route_back", "ip route replace unreachable default", "unreachable default", replace4},
        // a route in a table that answers don't reach
        {"no_route_back", alone + "ip rule add from 10.0.0.3 lookup 100", "no rule leads packets from 192.0.2.1", "",
         "ip rule del from 10.0.0.3 lookup 100;" + put_back},
        {"no_route_back", alone + "ip rule add fwmark 1 lookup 100", "no rule leads packets from 192.0.2.1", "",
         "ip rule del fwmark 1 lookup 100;" + put_back},
        {"no_route_back", alone + "ip rule add iif eth0 lookup 100", "no rule leads packets from 192.0.2.1", "",
         "ip rule del iif eth0 lookup 100;" + put_back},
        {"no_route_back", alone6 + "ip -6 rule add from fd00::3 lookup 100", "table 100", "",
         "ip -6 rule del from fd00::3 lookup 100; ip -6 rule del from 2001:db8::1 lookup 100;"
         "ip -6 route flush table 100; ip -6 route add default via fd00::1"},
        {"no_route_back",
         "ip route del default; ip nexthop add id 7 via 10.0.0.1 dev eth0; sysctl -qw net.ipv4.nexthop_compat_mode=0;"
         "ip route add default nhid 7 table 100",
         "table 100", "", put_back + "ip nexthop del id 7; sysctl -qw net.ipv4.nexthop_compat_mode=1"},
        // a network of its own: no default route, but a route to the clients' network
        {"no_route_back", "ip route del default; ip route add 198.51.100.0/24 via 10.0.0.1 table 100", "table 100", "",
         put_back},
        // the user of the server
        {"no_route_back", "ip rule add uidrange 0-99999 prohibit", "prohibit"},
        {"no_route_back", "ip rule add ipproto tcp sport 80 unreachable", "unreachable"},
        {"no_route_back", alone + "ip rule add ipproto tcp sport 443 lookup 100", "table 100", "",
         "ip rule del ipproto tcp sport 443 lookup 100;" + put_back},
        // marks that answers get on their way
        {"no_route_back", mark_answers + "ip rule add pref 20 fwmark 5 blackhole", "mark 0x5", "", unmark},
        {"no_route_back", mark_answers + "ip -6 rule add pref 20 fwmark 4/4 unreachable", "mark 0x5", "", unmark},
        // rules before this host's own addresses
        {"request_refused",
         "ip rule add pref 20 lookup local; ip rule add pref 10 to 192.0.2.1 blackhole; ip rule del pref 0", "iif eth0",
         "", "ip rule del pref 10; ip rule del pref 20"},
        {"request_refused",
         "ip -6 rule add pref 20 lookup local; ip -6 rule add pref 10 to 2001:db8::1 prohibit; ip -6 rule del pref 0",
         "iif eth0", "", "ip -6 rule del pref 10; ip -6 rule del pref 20"},
        {"request_refused",
         "ip rule add pref 10 lookup local; ip rule del pref 0; ip rule add pref 5 ipproto tcp dport 80 blackhole",
         "ipproto tcp dport 80", "", "ip rule del pref 5; ip rule del pref 10"},
        {"request_refused",
         "ip -6 rule add pref 10 lookup local; ip -6 rule del pref 0;"
         "ip -6 rule add pref 5 ipproto tcp dport 80 unreachable",
         "ipproto tcp dport 80", "", "ip -6 rule del pref 5; ip -6 rule del pref 10"},
        // policies of IPsec
        {"ipsec_blocks", "ip xfrm policy add dir in src 0.0.0.0/0 dst 192.0.2.1/32 action block", "dir in"},
        {"ipsec_blocks", "ip xfrm policy add dir out src 192.0.2.0/24 dst 0.0.0.0/0 proto tcp action block", "dir out"},
        {"ipsec_blocks", "ip xfrm policy add dir in src ::/0 dst 2001:db8::1/128 proto tcp dport 80 action block",
         "2001:db8::1/128"},
        {"ipsec_blocks", "ip xfrm policy setdefault in block", "in: block"},
        {"ipsec_blocks", "ip xfrm policy setdefault out block", "out: block"},
        // this host's own link
        {"arp_filtered",
         "nft 'add table arp theirs; add chain arp theirs c {type filter hook input priority 0; policy drop;}'",
         "arp theirs c", "", "nft delete table arp theirs"},
        {"arp_filtered",
         "nft 'add table arp theirs; add chain arp theirs c {type filter hook output priority 0;};"
         "add rule arp theirs c counter drop'",
         "arp theirs c", "", "nft delete table arp theirs"},
        {"answers_no_arp", "ip link set eth0 arp off", "NOARP"},
        {"answers_no_arp", "sysctl -qw net.ipv4.conf.eth0.arp_ignore=8", "eth0.arp_ignore = 8"},
        {"gateway_silent", "ip route replace default via 10.0.0.99; ping -c 1 -W 5 8.0.0.1 || :", "10.0.0.99: FAILED",
         replace4},
        // networks that this host considers its own
        {"network_is_local", "ip addr add 10.0.0.100/24 dev lo", "lo: 10.0.0.100/24"},
        {"network_is_local", "ip addr add fd00::100/64 dev lo", "lo: fd00::100/64"},
        {"network_is_local",
         "ip addr del 192.0.2.1/32 dev lo; ip addr add 192.0.2.1/24 dev lo;"
         "ip addr add 192.0.2.77/24 dev eth0",
         "neighbours of 192.0.2.77 on eth0", "", "ip addr del 192.0.2.77/24 dev eth0"},
        {"network_is_local", "ip route add local 10.0.0.0/24 dev lo", "the gateway 10.0.0.1"},
        // routes that refuse
        {"no_route_back", "ip route add blackhole 0.0.0.0/1", "blackhole 0.0.0.0/1"},
        {"no_route_back", "ip route add prohibit 128.0.0.0/2", "prohibit 128.0.0.0/2"},
        {"no_route_back", "ip route add unreachable 198.51.100.0/24", "unreachable 198.51.100.0/24"},
        {"no_route_back", "ip -6 route add unreachable 2600::/12", "unreachable 2600::/12"},
        {"no_route_back", "ip rule add from 192.0.2.0/24 prohibit", "prohibit"},
        {"no_route_back", "ip -6 rule add from 2001:db8::/32 unreachable", "unreachable"},
        {"no_route_back", "ip rule add from 192.0.2.1 lookup 101; ip route add blackhole default table 101",
         "blackhole default table 101", "", "ip rule del from 192.0.2.1 lookup 101"},
    });
}

TEST_F(CheckOfBareRequests, AndTunnelsOfBalancersThatCanBeReached) {
    serve();
    sh(R"(sed -i "s/^receive: ./&{encap: ipip, via: kernel}, /; s/^balancers: ./&203.0.113.1, /" /run/realserver.yaml)");
    expect_cure_of("no_route_to_balancer", "ip route add prohibit 203.0.113.0/24");
}

TEST_F(CheckOfBareRequests, ComeByNoVrf) {
    REQUIRE_MODULE("vrf");
    serve();
    expect_in_order();
    expect_cured({{"device_in_vrf",
                   "sysctl -qw net.ipv6.conf.eth0.keep_addr_on_down=1; ip link add blue type vrf table 10;"
                   "ip link set blue up; ip link set eth0 master blue; ip route add default via 10.0.0.1 vrf blue;"
                   "ip -6 route add default via fd00::1 vrf blue",
                   "belongs to VRF blue", "", "ip link del blue"}});
}

TEST_F(CheckOfBareRequests, NeedAWireAndAServiceThatHearsIt) {
    serve();
    router().ip("link set eth0 down\n");
    EXPECT_TRUE(eventually([&] { return backend().read("/sys/class/net/eth0/carrier") == "0\n"; }));
    expect_advised("no_carrier", [&] {
        router().ip(
            "link set eth0 up\naddr replace fd00::1/64 dev eth0 nodad\nroute replace 2001:db8::1 via fd00::3\n"
            "route replace 192.0.2.1 via 10.0.0.3\n");
        EXPECT_TRUE(eventually([&] { return backend().read("/sys/class/net/eth0/carrier") == "1\n"; }));
    });
}

TEST_F(CheckOfBareRequests, PassRulesOfOthers) {
    serve();
    const std::string prerouting = "filter hook prerouting priority -310";
    expect_cured({
        {"rule_rewrites", nft(prerouting, "ip dscp set 0"), "ip dscp set", "", flush},
        {"rule_rewrites", nft("nat hook prerouting priority -100", "tcp dport 80 redirect to :8080"), "redirect", "",
         flush},
        {"invalid_dropped", nft(output, "ct state invalid drop"), "ct state", "", flush},
        {"firewall_drops_request", nft(input, "tcp dport 80 drop"), "192.0.2.1 port 80/tcp", "", flush},
        {"firewall_drops_request", nft(input, "tcp dport 22 accept", "drop"), "policy drop", "", flush},
        {"firewall_drops_request", nft(input, "fib daddr . iif type != { local, broadcast, multicast } drop"),
         "fib daddr", "", flush},
        {"firewall_drops_request", nft(input, "meta mark 7 drop"), "may be dropped", "", flush},
        {"firewall_drops_answer", nft(output, "ip6 saddr 2001:db8::/32 drop"), vip6, "", flush},
        {"firewall_drops_answer",
         "nft 'table netdev theirs { chain c { type filter hook egress device eth0 priority 0; ip saddr 192.0.2.1 "
         "drop; "
         "}; }'",
         vip4, "", "nft delete table netdev theirs"},
    });
}

TEST_F(CheckOfTunnels, UnwrappedByXdp) {
    build("{encap: ipip, via: xdp}, {encap: geneve, vni: 7, via: xdp}", own_mss);
    apply();
    const HttpServer web(backend(), "web", {vip4, vip6});
    const std::string pins = "/sys/fs/bpf/culvert/realserver/*/*/";
    const std::string detach = "bpftool link detach pinned " + pins + "link";
    const std::string sed = "sed -i.bak ";
    const std::string restore = "mv /run/realserver.yaml.bak /run/realserver.yaml";
    const std::string remove_default = "ip route del default; ip -6 route del default;";
    expect_cured({
        {"xdp_missing", detach, "eth0"},
        {"xdp_differs", "ip addr add 10.0.0.33/24 dev eth0", "lacks own address"},
        {"xdp_differs",
         "bpftool map delete pinned " + pins + "*/balancers key 128 0 0 0 0 0 0 0 0 0 0 0 0 0 255 255 10 0 0 1",
         "lacks balancer 10.0.0.1"},
        {"left_over", sed + R"("s/^receive:.*/receive: [{encap: l2}]/" /run/realserver.yaml)", "decap eth0", "",
         restore + ";" + apply_again},
        {"no_device_for_xdp",
         "ip route add 198.51.100.0/24 via 10.0.0.1; ip -6 route add 2001:db8:1::/64 via fd00::1;" + remove_default +
             sed + R"("s/^balancers:.*/balancers: [203.0.113.1]/" /run/realserver.yaml)",
         "interfaces: [eth0]", "echo 'interfaces: [eth0]' >>/run/realserver.yaml;" + apply_again,
         restore + "; ip route add default via 10.0.0.1; ip -6 route add default via fd00::1; " + apply_again},
        {"rp_filter_drops", turn_away, "dev out0", "", turn_back},
        {"mtu_too_small", "ip link set eth0 mtu 1400", "1400"},
        {"firewall_drops_request", nft(input, "iifname eth0 tcp dport 80 drop"), "192.0.2.1 port 80/tcp", "", flush},
        {"firewall_drops_answer", nft(output, "ip saddr 192.0.2.1 drop"), vip4, "", flush},
    });

    // Programs of others, attached in every way.
    const std::string keep = "bpftool prog pin id $(bpftool -j link show pinned " + pins +
                             "link | grep -o 'prog_id.:[0-9]*' | grep -o '[0-9]*') /sys/fs/bpf/kept;" + detach + ";";
    const std::string forget = "rm /sys/fs/bpf/kept";
    expect_cured({
        {"device_taken", keep + "bpftool net attach xdpgeneric pinned /sys/fs/bpf/kept dev eth0", "eth0", "", forget},
        {"device_taken", keep + "bpftool net attach xdpdrv pinned /sys/fs/bpf/kept dev eth0", "eth0", "", forget},
    });
    sh(detach);
    backend().write("/run/lbd.yaml",
                    "interfaces: [eth0]\nservices: [{name: a, vip: 198.51.100.1, ports: any, encap: {type: ipip}, "
                    "backends: [{address: 10.0.0.9}]}]\n");
    Process lbd = backend().spawn(CULVERT_LBD " run -c /run/lbd.yaml");
    lbd.wait_for("balancing");
    (void)lbd.stop(SIGKILL);  // its program stays
    expect_cure_of("device_taken", "");
    expect_in_order();
}

TEST_F(CheckOfTunnels, AndRulesOfOtherTools) {
    for (const char* program : {"iptables-nft", "iptables-legacy"}) REQUIRE_PROGRAM(program);
    build("{encap: l2}");
    apply();
    const HttpServer web(backend(), "web", {vip4, vip6});
    expect_cured({
        {"firewall_drops_request", "iptables-nft -A INPUT -p tcp --dport 80 -j REJECT", "chain ip filter INPUT: ", "",
         "iptables-nft -F INPUT"},
        {"firewall_drops_request", "iptables-nft -A INPUT -p tcp -m multiport --dports 80,81 -j DROP", "may be dropped",
         "", "iptables-nft -F INPUT"},
        {"firewall_drops_request", "ip6tables-nft -t mangle -A INPUT -p tcp --dport 80 -j DROP", vip6, "",
         "ip6tables-nft -t mangle -F INPUT"},
        {"firewall_drops_request", "iptables-nft -t raw -A PREROUTING -d 192.0.2.1 -j DROP", vip4, "",
         "iptables-nft -t raw -F PREROUTING"},
        {"firewall_drops_answer", "iptables-nft -A OUTPUT -s 192.0.2.1 -p tcp -j REJECT", vip4, "",
         "iptables-nft -F OUTPUT"},
        {"legacy_rules_drop", "iptables-legacy -A INPUT -p tcp --dport 80 -j DROP", "-A INPUT -p tcp",
         "iptables-legacy -F INPUT"},
    });

    // No stock kernel has xt_DADDR, so this is the output of iptables-save on a kernel with it.
    backend().write("/run/iptables-legacy-save",
                    "#!/bin/sh\necho \"*mangle\n-A PREROUTING -m dscp --dscp 0x02 -j DADDR --set-daddr 192.0.2.1\"\n");
    sh("chmod +x /run/iptables-legacy-save");
    set_path(fmt::format("/run:{}", std::getenv("PATH")));
    EXPECT_THAT(names(findings()), ElementsAre("rule_rewrites"));
}

TEST_F(CheckOfTunnels, UnwrappedByTheKernel) {
    for (const char* module : {"ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "geneve"})
        REQUIRE_MODULE(module);
    build(
        "{encap: ipip, via: kernel}, {encap: gre, via: kernel}, {encap: fou, port: 5004, inner: ipv4}, {encap: gue, "
        "port: 5080}, {encap: geneve, vni: 666}",
        std::string("tunnels:\n") +
            "  - {name: lb1, type: gretap, local: 10.0.0.3, remote: 10.0.0.1, encap: {type: fou, sport: 5555, dport: "
            "5555}}\n"
            "  - {name: lb2, type: ip6gre, local: 'fd00::3', remote: 'fd00::1', key: 7}\n" +
            own_mss);
    apply();
    const HttpServer web(backend(), "web", {vip4, vip6});
    expect_in_order();
    const std::string geneve = "geneve6081";
    expect_cured({
        {"sysctl_reset", "sysctl -qw net.ipv4.conf.all.rp_filter=2", "net.ipv4.conf.all.rp_filter = 2"},
        {"device_down", "ip link set tunl0 down", "tunl0"},
        {"device_wrong_mode", "ip -6 tunnel change ip6tnl0 mode ip6ip6", "ip6ip6"},
        {"port_missing", "ip fou del port 5080", "5080/udp over ipv4"},
        {"port_taken", "ip fou del port 5080; ip fou add port 5080 ipproto 4", "fou, inner ipv4"},
        {"fallback_device_absent", "ip link set gre0 down; ip link set gre0 name renamed", "renamed is that device"},
        {"device_takes_packets", "ip link add ipip0 type ipip external; ip link set ipip0 up", "meant for tunl0"},
        {"device_takes_packets",
         "ip link add ipip0 type ipip external; ip link set ipip0 up; sysctl -qw net.ipv4.conf.ipip0.rp_filter=1",
         "rp_filter of ipip0: 1"},
        // in another network namespace than its outer packets
        {"device_takes_packets",
         "ip netns add other; ip link add away type ipip external; ip link set away netns other;"
         "ip -n other link set away up",
         "in network namespace", "ip -n other link del away", "ip netns del other"},
        {"tunnel_not_listed",
         "ip netns add other; ip -n other tunnel add away mode ipip remote 10.7.0.9;"
         "ip -n other link set away netns $$; ip link set away up",
         "its outer packets in another network namespace",
         "echo 'tunnel_peers: [10.7.0.9]' >>/run/realserver.yaml; " + apply_again,
         "ip link del away; ip netns del other; sed -i '/^tunnel_peers/d' /run/realserver.yaml; " + apply_again},
        {"device_takes_packets", "ip link add six0 type ip6tnl external", "meant for ip6tnl0"},
        {"tunnel_not_listed", "ip tunnel add their mode ipip local 10.0.0.3 remote 10.0.0.9; ip link set their up",
         "10.0.0.9", "echo 'tunnel_peers: [10.0.0.9]' >>/run/realserver.yaml; " + apply_again,
         "ip link del their; sed -i '/^tunnel_peers/d' /run/realserver.yaml; " + apply_again},
        {"ipv6_disabled", "sysctl -qw net.ipv6.conf.sit0.disable_ipv6=1", "sit0"},
        {"mtu_too_small", "ip link set eth0 mtu 1400", "1400"},
        {"device_missing", "ip link del lb1", "lb1"},
        {"device_differs", "ip link change lb2 type ip6gre local fd00::3 remote fd00::9 key 7", "fd00::9"},
        {"device_taken", "ip link del lb2; ip link add lb2 type veth peer other", "lb2"},
        {"device_down", "ip link set lb2 down", "lb2"},
        {"rp_filter_drops", "sysctl -qw net.ipv4.conf.lb1.rp_filter=1", "lb1.rp_filter = 1"},
        {"device_missing", "ip link del " + geneve, geneve},
        {"device_down", "ip link set " + geneve + " down", geneve},
        {"firewall_drops_tunnel", nft(input, "udp dport 6081 drop"), "6081/udp from 10.0.0.1", "", flush},
        {"firewall_drops_tunnel", nft(input, "udp dport 5555 drop"), "5555/udp from 10.0.0.1", "", flush},
        {"firewall_drops_tunnel", nft(input, "ip6 saddr fd00::1 meta l4proto gre drop"), "from fd00::1", "", flush},
        {"firewall_drops_request", nft(input, "iifname lb1 drop"), vip4, "", flush},
        {"firewall_drops_tunnel", nft(input, "meta l4proto 4 drop"), "protocol 4 from 10.0.0.1", "", flush},
        {"firewall_drops_tunnel", nft(input, "udp dport 5080 ip6 saddr fd00::/64 reject"), "5080/udp from fd00::1", "",
         flush},
        {"firewall_drops_request", nft("filter hook prerouting priority -300", "fib saddr . iif oif missing drop"),
         "fib saddr", "", flush},
    });

    // The owner of a port; the kernel owns that of a Geneve device while the device is up.
    for (const auto& [port, give_up] :
         {std::pair(5080, std::string("ip fou del port 5080")), std::pair(6081, "ip link set " + geneve + " down")}) {
        SCOPED_TRACE(port);
        Process holder = backend().spawn(fmt::format("sh -c '{}; exec socat -u UDP-RECV:{} -'", give_up, port));
        EXPECT_TRUE(eventually([&] { return names(findings()) == std::vector<std::string>{"port_taken"}; }))
            << findings().dump(2);
        EXPECT_THAT(findings().dump(), HasSubstr(fmt::format("socat (process {})", holder.pid())));
        expect_advised("port_taken", [&] {
            (void)holder.stop();
            apply();
        });
    }

    // A port of ours that the configuration now uses for something else. The guard then differs, too.
    expect_cured({{"port_differs",
                   R"(sed -i.bak "s/port: 5004, inner: ipv4/port: 5004, inner: ipv6/" /run/realserver.yaml)",
                   "",
                   "",
                   "mv /run/realserver.yaml.bak /run/realserver.yaml; " + apply_again,
                   {"rules_differ"}}});

    sh("rm -r /run/culvert; sysctl -qw net.ipv4.conf.tunl0.rp_filter=1");
    EXPECT_THAT(names(findings()), ElementsAre("rp_filter_drops"));
}

TEST_F(CheckOfTunnels, NameAModuleThatTheKernelLacks) {
    if (!missing_module("ipip")) GTEST_SKIP() << "this kernel has module ipip";
    build("{encap: l2}", own_mss);
    apply();
    const HttpServer web(backend(), "web", {vip4, vip6});
    expect_cured({{"module_missing",
                   R"(sed -i "s/^receive:.*/receive: [{encap: ipip, inner: ipv4, via: kernel}, {encap: l2}]/; )"
                   R"(s/^mss:.*/mss: 1300\nguard: off/" /run/realserver.yaml)",
                   "no module ipip", "sed -i s/kernel/xdp/ /run/realserver.yaml; " + apply_again}});
}

}  // namespace
}  // namespace culvert::netns
