// SPDX-License-Identifier: Apache-2.0
//
// A backend that works is broken in one way after the other, and each time `realserver check` says exactly which.
//
//   router ────── backend ── a service on the VIPs
//  10.0.0.1     10.0.0.3
//  fd00::1      fd00::3
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdlib>

#include <nlohmann/json.hpp>

#include "tests/netns/harness/netns_test.hpp"

namespace culvert::netns {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const std::string vip4 = "192.0.2.1";
const std::string vip6 = "2001:db8::1";

struct Breakage {
    std::string finding;
    std::string act;     ///< for sh -c
    std::string repair;  ///< for sh -c
    std::string evidence{};
};

class Check : public NetnsTest {
  protected:
    void build(const std::string& receive, const std::string& more = "") {
        router_.emplace("router");
        backend_.emplace("backend");
        connect({*router_, "eth0", {"10.0.0.1/24", "fd00::1/64"}}, {*backend_, "eth0", {"10.0.0.3/24", "fd00::3/64"}});
        backend_->ip("route add default via 10.0.0.1\nroute add default via fd00::1\n");
        backend_->write("/run/realserver.yaml", fmt::format("balancers: [10.0.0.1, 'fd00::1']\n"
                                                            "vips: [{}, '{}']\n"
                                                            "receive: [{}]\n"
                                                            "mss: 1300\n"  // else a new MTU asks for another rule
                                                            "{}",
                                                            vip4, vip6, receive, more));
    }

    void apply() { backend_->must(CULVERT_REALSERVER " apply -c /run/realserver.yaml"); }

    /// What check says, finding programs in `path`.
    json findings(const std::string& path = std::getenv("PATH")) {
        const Output output = backend_->run(
            fmt::format("env PATH={} {} check -j -c /run/realserver.yaml", path, program(CULVERT_REALSERVER)));
        const json said = json::parse(output.out, nullptr, false);
        if (said.is_discarded()) throw std::runtime_error("check: " + output.err);
        EXPECT_EQ(output.status, said.at("in_order") ? 0 : 3);
        return said.at("findings");
    }

    static std::vector<std::string> names(const json& findings) {
        std::vector<std::string> result;
        for (const json& finding : findings) result.push_back(finding.at("name"));
        return result;
    }

    void expect_in_order() {
        const json found = findings();
        EXPECT_THAT(names(found), IsEmpty()) << found.dump(2);
    }

    /// Of each, the only finding: so what was before it is repaired.
    void expect(const std::vector<Breakage>& breakages) {
        for (const Breakage& one : breakages) {
            SCOPED_TRACE(one.act);
            sh(one.act);
            const json found = findings();
            EXPECT_THAT(names(found), ElementsAre(one.finding)) << found.dump(2);
            EXPECT_THAT(found.dump(), HasSubstr(one.evidence));
            sh(one.repair);
        }
        expect_in_order();
    }

    void sh(const std::string& script) { (void)backend_->must("sh -ec '" + script + "'"); }

    [[nodiscard]] const Host& backend() const { return *backend_; }

    static inline const std::string apply_again = CULVERT_REALSERVER " apply -c /run/realserver.yaml";

  private:
    std::optional<Host> router_, backend_;
};

/// A chain of somebody else's.
std::string nft(const std::string& hook, const std::string& rule, const std::string& policy = "accept") {
    return fmt::format("nft \"table inet theirs {{ chain c {{ type {}; policy {}; {}; }}; }}\"", hook, policy, rule);
}
const std::string flush = "nft delete table inet theirs";

/// Somebody else's configuration is loaded.
const std::string sysctl_d =
    "mkdir -p /run/sysctl.d; echo net.ipv4.conf.all.arp_announce = 0 >/run/sysctl.d/theirs.conf;"
    "sysctl -qp /run/sysctl.d/theirs.conf";
/// The way from clients leads elsewhere.
const std::string turn_away =
    "ip link add out0 type veth peer out1; ip link set out0 up; ip link set out1 up; ip route replace default dev out0";
const std::string turn_back = "ip route replace default via 10.0.0.1; ip link del out0";

TEST_F(Check, FindsWhatKeepsBareRequestsOut) {
    build(fmt::format("{{encap: l3dsr, dscp: 2, vip: {}}}, {{encap: l3dsr, dscp: 2, vip: '{}'}}, {{encap: l2}}", vip4,
                      vip6));
    apply();
    EXPECT_THAT(names(findings()), ElementsAre("nobody_listens", "nobody_listens"));
    const HttpServer web(backend(), "web", {vip4, vip6});
    EXPECT_THAT(backend().must(CULVERT_REALSERVER " check -c /run/realserver.yaml"), HasSubstr("in order: "));

    const std::string input = "filter hook input priority 0";
    const std::string output = "filter hook output priority 0";
    const std::string prerouting = "filter hook prerouting priority -310";
    expect({
        {"sysctl_reset", sysctl_d, "rm /run/sysctl.d/theirs.conf; " + apply_again, "/run/sysctl.d/theirs.conf: "},
        {"vip_missing", "ip addr del 192.0.2.1/32 dev lo", apply_again, vip4},
        {"vip_missing",
         "modprobe -q tun || :; ip addr del 192.0.2.1/32 dev lo; ip tuntap add t0 mode tun; ip addr add 192.0.2.1/32 "
         "dev t0",
         "ip link del t0; " + apply_again, "t0: 192.0.2.1/32"},
        {"vip_on_device", "ip addr add 192.0.2.1/32 dev eth0", "ip addr del 192.0.2.1/32 dev eth0", "eth0"},
        {"vip_on_device", "ip addr add 2001:db8::1/128 dev eth0", "ip addr del 2001:db8::1/128 dev eth0", "eth0"},
        {"proxy_answers_vip",
         "sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.eth0.proxy_ndp=1;"
         "ip neigh add proxy 2001:db8::1 dev eth0",
         "ip neigh del proxy 2001:db8::1 dev eth0", "ip neigh del proxy 2001:db8::1 dev eth0"},
        {"rules_missing", "nft delete table inet culvert", apply_again},
        {"rules_differ", "nft add rule inet culvert l3dsr counter", apply_again},
        {"no_route_back", "ip route del default", "ip route add default via 10.0.0.1"},
        {"no_route_back", "ip -6 route del default", "ip -6 route add default via fd00::1"},
        {"rp_filter_drops", turn_away, turn_back, "dev out0"},
        {"rule_rewrites", nft(prerouting, "ip dscp set 0"), flush, "ip dscp set"},
        {"rule_rewrites", nft("nat hook prerouting priority -100", "tcp dport 80 redirect to :8080"), flush,
         "redirect"},
        {"invalid_dropped", nft(output, "ct state invalid drop"), flush, "ct state"},
        {"firewall_drops_request", nft(input, "tcp dport 80 drop"), flush, vip4 + " port 80/tcp"},
        {"firewall_drops_request", nft(input, "tcp dport 22 accept", "drop"), flush, "policy drop"},
        {"firewall_drops_request", nft(input, "fib daddr . iif type != { local, broadcast, multicast } drop"), flush,
         "fib daddr"},
        {"firewall_drops_request", nft(input, "meta mark 7 drop"), flush, "may be dropped"},
        {"firewall_drops_answer", nft(output, "ip6 saddr 2001:db8::/32 drop"), flush, vip6},
    });

    EXPECT_THAT(names(findings("/run")), ElementsAre("firewall_unread")) << "there is no nft";

    sh("rm -r /run/culvert; sysctl -qw net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.all.arp_announce=0");
    EXPECT_THAT(names(findings()), UnorderedElementsAre("arp_answers_vip", "arp_announces_vip"));
}

TEST_F(Check, FindsWhatKeepsXdpFromUnwrapping) {
    build("{encap: ipip, via: xdp}, {encap: geneve, vni: 7, via: xdp}");
    apply();
    const HttpServer web(backend(), "web", {vip4, vip6});
    const std::string pins = "/sys/fs/bpf/culvert/realserver/*/*/";
    const std::string detach = "bpftool link detach pinned " + pins + "link";
    const std::string sed = "sed -i.bak ";
    const std::string restore = "mv /run/realserver.yaml.bak /run/realserver.yaml";
    expect({
        {"xdp_missing", detach, apply_again, "eth0"},
        {"xdp_differs", "ip addr add 10.0.0.33/24 dev eth0", "ip addr del 10.0.0.33/24 dev eth0", "lacks this host"},
        {"xdp_differs",
         "bpftool map delete pinned " + pins + "*/balancers key 128 0 0 0 0 0 0 0 0 0 0 0 0 0 255 255 10 0 0 1",
         apply_again, "lacks balancer 10.0.0.1"},
        {"left_over", sed + R"("s/^receive:.*/receive: [{encap: l2}]/" /run/realserver.yaml)", restore, "decap eth0"},
        {"no_device_for_xdp",
         "ip route add 198.51.100.0/24 via 10.0.0.1; ip -6 route add 2001:db8:1::/64 via fd00::1;"
         "ip route del default; ip -6 route del default;" +
             sed + R"("s/^balancers:.*/balancers: [203.0.113.1]/" /run/realserver.yaml)",
         restore + "; ip route add default via 10.0.0.1; ip -6 route add default via fd00::1", "interfaces: [eth0]"},
        {"rp_filter_drops", turn_away, turn_back, "dev out0"},
        {"mtu_too_small", "ip link set eth0 mtu 1400", "ip link set eth0 mtu 1500", "1400"},
        {"firewall_drops_request", nft("filter hook input priority 0", "iifname eth0 tcp dport 80 drop"), flush,
         vip4 + " port 80/tcp"},
        {"firewall_drops_answer", nft("filter hook output priority 0", "ip saddr 192.0.2.1 drop"), flush, vip4},
    });

    sh(detach);
    backend().write("/run/lbd.yaml",
                    "interfaces: [eth0]\nservices: [{name: a, vip: 198.51.100.1, ports: any, encap: {type: ipip}, "
                    "backends: [{address: 10.0.0.9}]}]\n");
    Process lbd = backend().spawn(CULVERT_LBD " run -c /run/lbd.yaml");
    lbd.wait_for("balancing");
    EXPECT_THAT(names(findings()), ElementsAre("device_taken")) << "it has an XDP program of its own";
}

TEST_F(Check, FindsRulesOfOtherTools) {
    for (const char* program : {"iptables-nft", "iptables-legacy"}) REQUIRE_PROGRAM(program);
    build("{encap: l2}");
    apply();
    const HttpServer web(backend(), "web", {vip4, vip6});
    expect({
        {"firewall_drops_request", "iptables-nft -A INPUT -p tcp --dport 80 -j REJECT", "iptables-nft -F INPUT",
         "chain ip filter INPUT: "},
        {"firewall_drops_request", "iptables-nft -A INPUT -p tcp -m multiport --dports 80,81 -j DROP",
         "iptables-nft -F INPUT", "may be dropped"},
        {"legacy_rules_drop", "iptables-legacy -A INPUT -p tcp --dport 80 -j DROP", "iptables-legacy -F INPUT",
         "-A INPUT -p tcp"},
    });

    // No stock kernel has xt_DADDR: so what iptables-save prints where somebody has built it.
    backend().write("/run/iptables-legacy-save",
                    "#!/bin/sh\necho \"*mangle\n-A PREROUTING -m dscp --dscp 0x02 -j DADDR --set-daddr 192.0.2.1\"\n");
    sh("chmod +x /run/iptables-legacy-save");
    EXPECT_THAT(names(findings(fmt::format("/run:{}", std::getenv("PATH")))), ElementsAre("rule_rewrites"));
}

TEST_F(Check, FindsWhatKeepsTunnelsOut) {
    for (const char* module : {"ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "geneve"})
        REQUIRE_MODULE(module);
    build(
        "{encap: ipip, via: kernel}, {encap: gre, via: kernel}, {encap: fou, port: 5004, inner: ipv4}, {encap: gue, "
        "port: 5080}, {encap: geneve, vni: 666}",
        "tunnels:\n"
        "  - {name: lb1, type: gretap, local: 10.0.0.3, remote: 10.0.0.1, encap: {type: fou, sport: 5555, dport: "
        "5555}}\n"
        "  - {name: lb2, type: ip6gre, local: 'fd00::3', remote: 'fd00::1', key: 7}\n");
    apply();
    const HttpServer web(backend(), "web", {vip4, vip6});
    expect_in_order();
    const std::string geneve = "geneve6081";
    const std::string input = "filter hook input priority 0";
    expect({
        {"sysctl_reset", "sysctl -qw net.ipv4.conf.all.rp_filter=2", apply_again, "net.ipv4.conf.all.rp_filter = 2"},
        {"device_down", "ip link set tunl0 down", apply_again, "tunl0"},
        {"device_wrong_mode", "ip -6 tunnel change ip6tnl0 mode ip6ip6", apply_again, "ip6ip6"},
        {"port_missing", "ip fou del port 5080", apply_again, "5080/udp over ipv4"},
        {"port_taken", "ip fou del port 5080; ip fou add port 5080 ipproto 4", "ip fou del port 5080; " + apply_again,
         "fou, inner ipv4"},
        {"fallback_device_absent", "ip link set gre0 down; ip link set gre0 name renamed",
         "ip link set renamed name gre0; " + apply_again, "gre0"},
        {"ipv6_disabled", "sysctl -qw net.ipv6.conf.sit0.disable_ipv6=1",
         "sysctl -qw net.ipv6.conf.sit0.disable_ipv6=0", "sit0"},
        {"mtu_too_small", "ip link set eth0 mtu 1400", "ip link set eth0 mtu 1500", "1400"},
        {"device_missing", "ip link del lb1", apply_again, "lb1"},
        {"device_differs", "ip link change lb2 type ip6gre local fd00::3 remote fd00::9 key 7", apply_again, "fd00::9"},
        {"device_taken", "ip link del lb2; ip link add lb2 type veth peer other", "ip link del lb2; " + apply_again,
         "lb2"},
        {"device_down", "ip link set lb2 down", apply_again, "lb2"},
        {"rp_filter_drops", "sysctl -qw net.ipv4.conf.lb1.rp_filter=1", apply_again, "lb1.rp_filter = 1"},
        {"device_missing", "ip link del " + geneve, apply_again, geneve},
        {"device_down", "ip link set " + geneve + " down", apply_again, geneve},
        {"firewall_drops_tunnel", nft(input, "udp dport 6081 drop"), flush, "6081/udp from 10.0.0.1"},
        {"firewall_drops_tunnel", nft(input, "udp dport 5555 drop"), flush, "5555/udp from 10.0.0.1"},
        {"firewall_drops_tunnel", nft(input, "ip6 saddr fd00::1 meta l4proto gre drop"), flush, "from fd00::1"},
        {"firewall_drops_request", nft(input, "iifname lb1 drop"), flush, vip4},
        {"firewall_drops_tunnel", nft(input, "meta l4proto 4 drop"), flush, "protocol 4 from 10.0.0.1"},
        {"firewall_drops_tunnel", nft(input, "udp dport 5080 ip6 saddr fd00::/64 reject"), flush,
         "5080/udp from fd00::1"},
        {"firewall_drops_request", nft("filter hook prerouting priority -300", "fib saddr . iif oif missing drop"),
         flush, "fib saddr"},
    });

    // By whom a port is taken; the kernel holds that of a Geneve device while it is up.
    for (const auto& [port, give_up] :
         {std::pair(5080, std::string("ip fou del port 5080")), std::pair(6081, "ip link set " + geneve + " down")}) {
        SCOPED_TRACE(port);
        Process holder = backend().spawn(fmt::format("sh -c '{}; exec socat -u UDP-RECV:{} -'", give_up, port));
        EXPECT_TRUE(eventually([&] { return names(findings()) == std::vector<std::string>{"port_taken"}; }))
            << findings().dump(2);
        EXPECT_THAT(findings().dump(), HasSubstr(fmt::format("socat (process {})", holder.pid())));
        (void)holder.stop();
        apply();
    }

    // A port of ours that the configuration has for something else by now, over either family; the guard says what.
    sh(R"(sed -i.bak "s/port: 5004, inner: ipv4/port: 5004, inner: ipv6/" /run/realserver.yaml)");
    const json found = findings();
    EXPECT_THAT(names(found), UnorderedElementsAre("port_differs", "port_differs", "rules_differ")) << found.dump(2);
    sh("mv /run/realserver.yaml.bak /run/realserver.yaml");

    sh("rm -r /run/culvert; sysctl -qw net.ipv4.conf.tunl0.rp_filter=1");
    EXPECT_THAT(names(findings()), ElementsAre("rp_filter_drops"));
}

TEST_F(Check, NamesAModuleThatTheKernelLacks) {
    if (!missing_module("ipip")) GTEST_SKIP() << "this kernel has module ipip";
    build("{encap: l2}");
    apply();
    const HttpServer web(backend(), "web", {vip4, vip6});
    backend().write("/run/realserver.yaml",
                    fmt::format("balancers: [10.0.0.1]\n"
                                "vips: [{}, '{}']\n"
                                "receive: [{{encap: ipip, inner: ipv4, via: kernel}}, {{encap: l2}}]\n"
                                "guard: off\n"
                                "mss: 1300\n",
                                vip4, vip6));
    EXPECT_THAT(names(findings()), ElementsAre("module_missing"));
}

}  // namespace
}  // namespace culvert::netns
