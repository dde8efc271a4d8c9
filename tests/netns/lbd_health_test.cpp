// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/netns/checks.hpp"
#include "tests/netns/lbd_test.hpp"
#include "tests/netns/tunnels.hpp"

namespace culvert::netns {
namespace {

using testing::HasSubstr;

constexpr int fall = 2;

/// A service with one backend. Both have the same name.
struct Checked {
    std::string name;
    std::string vip;
    std::string encap;
    std::string backend;
    std::string check = "type: tcp";  // empty: none
    std::string pace = often;

    [[nodiscard]] std::string yaml() const {
        const std::string health = check.empty() ? "" : fmt::format("health: {{{}, {}}}, ", check, pace);
        return fmt::format(
            "  - {{name: {0}, vip: '{1}', ports: [80/tcp], encap: {2}, {3}"
            "backends: [{{name: {0}, address: '{4}'}}]}}\n",
            name, vip, encap, health, backend);
    }
};

/// Counts the checks of backends, from before a fault. A scrape of the metrics is consistent, so its time doesn't
/// matter.
class Falls {
  public:
    Falls(const Host& balancer, const std::vector<std::string>& names) : balancer_(balancer) {
        const std::string metrics = scrape();
        for (const std::string& name : names) before_[name] = checks(metrics, name);
    }

    /// Each goes down, and none is still up after `fall` failed checks in a row.
    void expect() {
        EXPECT_TRUE(eventually([&] {
            const std::string metrics = scrape();
            for (auto one = before_.begin(); one != before_.end();)
                one = has_fallen(one->first, one->second, metrics) ? before_.erase(one) : std::next(one);
            return before_.empty();
        })) << before_.begin()->first;
    }

  private:
    struct Checks {
        bool up;
        long answered, failed;
    };

    static bool has_fallen(const std::string& name, Checks& before, const std::string& metrics) {
        const Checks now = checks(metrics, name);
        if (now.answered > before.answered) before = now;
        EXPECT_TRUE(!now.up || now.failed - before.failed < fall)
            << name << " is up after " << now.failed - before.failed;
        return !now.up;
    }

    static Checks checks(const std::string& metrics, const std::string& name) {
        const auto value = [&](std::string_view metric) {
            const std::string line =
                fmt::format("\nlbd_backend_{}{{service=\"{}\",backend=\"{}\"}} ", metric, name, name);
            const auto at = metrics.find(line);
            return at == std::string::npos ? -1 : std::stol(metrics.substr(at + line.size(), 20));
        };
        return {.up = value("up") == 1,
                .answered = value("check_duration_seconds_count"),
                .failed = value("check_failures_total")};
    }

    [[nodiscard]] std::string scrape() const { return balancer_.must("curl -sS http://127.0.0.1:9477/metrics"); }

    const Host& balancer_;
    std::map<std::string, Checks> before_;
};

class LbdHealth : public LbdTest {};

// The balancer has the VIP itself, no route to it, and strict rp_filter.
TEST_F(LbdHealth, ABackendIsFoundDownAndUpAgain) {
    balancer().ip("addr add 192.0.2.1/32 dev lo\n");
    std::optional<HttpServer> web(std::in_place, backend(), "backend");
    const Balancer lbd(balancer(), head + Checked{"v4", vip4, "{type: l2}", "10.0.0.3"}.yaml() +
                                       Checked{"v6", vip6, "{type: l2}", "fd00::3"}.yaml());
    for (const char* name : {"v4", "v6"}) EXPECT_TRUE(becomes(lbd, name, "up")) << lbd.backend(name) << lbd.log();

    Falls falls(balancer(), {"v4", "v6"});
    web.reset();
    falls.expect();
    for (const char* name : {"v4", "v6"}) {
        EXPECT_TRUE(becomes(lbd, name, "down", "connection refused"));
        EXPECT_TRUE(eventually([&] { return lbd.backend(name)["share"] == 0; }));
    }
    EXPECT_FALSE(client().run("curl -s --max-time 1 http://192.0.2.1/").ok());
    EXPECT_GT(lbd.dropped("service_down"), 0);

    web.emplace(backend(), "backend");
    for (const char* name : {"v4", "v6"}) EXPECT_TRUE(becomes(lbd, name, "up"));
    EXPECT_TRUE(eventually([&] { return client().run("curl -s --max-time 1 http://192.0.2.1/").ok(); }));
    for (const char* name : {"v4", "v6"}) {
        const std::string who = fmt::format("service {0}: backend {0} is ", name);
        EXPECT_EQ(lbd.said(who + "down: connection refused"), 1U) << lbd.log();
        EXPECT_EQ(lbd.said(who + "up"), 1U) << lbd.log();
        EXPECT_EQ(lbd.said(who), 2U) << lbd.log();
    }
}

TEST_F(LbdHealth, EveryKindOfCheckAnswersOrSaysWhyNot) {
    struct Expected {
        std::string name, check, reason;  // no reason: up
    };
    const std::vector<Expected> all{
        {"tcp", "type: tcp", ""},
        {"tcp-closed", "type: tcp, port: 81", "connection refused"},
        {"syn", "type: syn", ""},
        {"syn-closed", "type: syn, port: 81", "connection refused"},
        {"http", "type: http, path: /health, match: is well", ""},
        {"http-match", "type: http, path: /health, match: is ill", "the body lacks \"is ill\""},
        {"http-status", "type: http, path: /nothing", "status 404, not 200-399"},
        {"http-wanted", "type: http, path: /nothing, status: [404]", ""},
        {"http-closed", "type: http, port: 81", "connection refused"},
        {"http-endless", "type: http, port: 82, match: is well", ""},
        {"http-endless-headers", "type: http, port: 83", "more than 65536 bytes of headers"},
        {"https", "type: https, port: 443, host: www.example, match: Ciphers", ""},
        {"https-verified", "type: https, port: 443, host: www.example, verify: true", "self-signed certificate"},
        {"dns-udp", "type: dns, port: 53, name: whoami.example, record: TXT", ""},
        {"dns-tcp", "type: dns, port: 53, name: host.example, record: AAAA, transport: tcp", ""},
        {"dns-refused", "type: dns, port: 53, name: other.example", "REFUSED"},
        {"icmp", "type: icmp", ""},
        {"script", "type: script, command: [sh, /run/page]", ""},
        {"script-false", "type: script, command: [sh, -c, exit 3]", "the script's exit status is 3"},
    };
    for (std::size_t i = 0; i < all.size(); ++i)
        backend().ip(fmt::format("addr add 192.0.2.{0}/32 dev lo\naddr add 2001:db8::{0}/128 dev lo\n", i + 10));

    const HttpServer web(backend(), "backend");
    web.serve("health", "all is well");
    const DnsServer dns(backend(), "backend");
    backend().write("/run/endless.py", R"py(
import socket, threading
def serve(port, begin, more):
    listener = socket.socket(socket.AF_INET6)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("::", port))
    listener.listen()
    while True:
        client = listener.accept()[0]
        try:
            client.recv(4096)
            client.sendall(begin)
            while True: client.sendall(more)
        except OSError: client.close()
ok = b"HTTP/1.1 200 OK\r\n"
threading.Thread(target=serve, args=(82, ok + b"\r\nall is well", b"x" * 4096)).start()
threading.Thread(target=serve, args=(83, ok, b"X: " + b"x" * 1000 + b"\r\n")).start()
print("serving", flush=True)
)py");
    const Process endless = backend().spawn("python3 /run/endless.py");
    endless.wait_for("serving");
    backend().must(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /run/key"
        " -out /run/certificate -days 1 -subj /CN=www.example");
    const Process tls = backend().spawn("openssl s_server -accept 443 -key /run/key -cert /run/certificate -www");
    tls.wait_for("ACCEPT");
    balancer().write("/run/page",
                     R"(case $CULVERT_ADDRESS in *:*) host=[$CULVERT_ADDRESS] ;; *) host=$CULVERT_ADDRESS ;; esac
curl -sf http://$host:$CULVERT_PORT/ | grep -q backend
)");

    const std::string pace = is_emulated ? "interval: 30s, timeout: 30s, rise: 1, fall: 1" : often;
    for (const auto& [vips, address] : {std::pair{"192.0.2.", "10.0.0.3"}, std::pair{"2001:db8::", "fd00::3"}}) {
        SCOPED_TRACE(vips);
        std::string services;
        for (std::size_t i = 0; i < all.size(); ++i)
            services +=
                Checked{all[i].name, fmt::format("{}{}", vips, i + 10), "{type: l2}", address, all[i].check, pace}
                    .yaml();
        Balancer lbd(balancer(), head + services);
        for (const Expected& expected : all) {
            SCOPED_TRACE(expected.name);
            EXPECT_TRUE(becomes(lbd, expected.name, expected.reason.empty() ? "up" : "down", expected.reason))
                << lbd.backend(expected.name) << lbd.log();
        }
        EXPECT_EQ(lbd.stop().status, 0);
    }
}

/// Every encapsulation except L2.
std::vector<Checked> tunnels() {
    std::vector<Checked> all;
    for (const auto& [name, encap, vip, address] : every_tunnel())
        all.push_back({.name = name, .vip = vip, .encap = encap, .backend = address});
    for (const char* inner : {"4", "6"})
        all.push_back({.name = fmt::format("l3dsr-{}", inner),
                       .vip = inner[0] == '4' ? "192.0.2.99" : "2001:db8::99",
                       .encap = fmt::format("{{type: l3dsr, dscp: {}}}", inner),
                       .backend = inner[0] == '4' ? "10.0.0.3" : "fd00::3"});
    return all;
}

TEST_F(LbdHealth, GoesByEveryEncapsulationAndFindsThatNothingTakesIt) {
    backend().write("/run/realserver.yaml",
                    std::string("balancers: [10.0.0.2, 'fd00::2']\nvips: [192.0.2.0/24, '2001:db8::/64']\nreceive:") +
                        receive_every_tunnel +
                        "  - {encap: l3dsr, dscp: 4, vip: 192.0.2.99}\n"
                        "  - {encap: l3dsr, dscp: 6, vip: '2001:db8::99'}\n");
    backend().must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    const HttpServer web(backend(), "backend");
    std::string services;
    for (const Checked& one : tunnels()) services += one.yaml();
    const Balancer lbd(balancer(), head + services);
    EXPECT_TRUE(all_become(lbd, "up")) << lbd.show("backends");

    // Removes the tunnels and the VIPs.
    std::vector<std::string> names;
    for (const Checked& one : tunnels()) names.push_back(one.name);
    Falls falls(balancer(), names);
    backend().must(CULVERT_REALSERVER " teardown -c /run/realserver.yaml");
    falls.expect();
    EXPECT_TRUE(all_become(lbd, "down")) << lbd.show("backends");
    for (const std::string& name : names) EXPECT_THAT(lbd.log(), HasSubstr(fmt::format("backend {} is down: ", name)));
}

// Faults that an operator can cause in the kernel's own tunnel devices.
TEST_F(LbdHealth, FindsWhatKeepsAKernelsTunnelFromAnswering) {
    REQUIRE_MODULE("ipip");
    REQUIRE_MODULE("ip6_tunnel");
    backend().write("/run/realserver.yaml", R"(
balancers: [10.0.0.2, 'fd00::2']
vips: [192.0.2.1, '2001:db8::1']
receive: [{encap: ipip}]
)");
    backend().must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    const HttpServer web(backend(), "backend");
    struct Fault {
        const char *what, *makes, *mends;
    };
    const std::vector<Fault> faults{
        {"device down", "link set tunl0 down\nlink set ip6tnl0 down\n", "link set tunl0 up\nlink set ip6tnl0 up\n"},
        {"no VIP", "addr del 192.0.2.1/32 dev lo\naddr del 2001:db8::1/128 dev lo\n",
         "addr add 192.0.2.1/32 dev lo\naddr add 2001:db8::1/128 dev lo\n"},
    };
    for (const Fault& fault : faults) {
        SCOPED_TRACE(fault.what);
        const Balancer lbd(balancer(), head + Checked{"v4", vip4, "{type: ipip}", "10.0.0.3"}.yaml() +
                                           Checked{"v6", vip6, "{type: ipip}", "fd00::3"}.yaml());
        for (const char* name : {"v4", "v6"}) EXPECT_TRUE(becomes(lbd, name, "up"));
        Falls falls(balancer(), {"v4", "v6"});
        backend().ip(fault.makes);
        falls.expect();
        backend().ip(fault.mends);
        for (const char* name : {"v4", "v6"}) EXPECT_TRUE(becomes(lbd, name, "up"));
    }

    SCOPED_TRACE("rp_filter");
    const Balancer lbd(balancer(), head + Checked{"v4", vip4, "{type: ipip}", "10.0.0.3"}.yaml());
    EXPECT_TRUE(becomes(lbd, "v4", "up"));
    Falls falls(balancer(), {"v4"});
    backend().set_sysctl("net.ipv4.conf.tunl0.rp_filter", "1");
    falls.expect();
    backend().set_sysctl("net.ipv4.conf.tunl0.rp_filter", "0");
    EXPECT_TRUE(becomes(lbd, "v4", "up"));
}

TEST_F(LbdHealth, ChecksFollowReloadsAndEndWithLbd) {
    const HttpServer web(backend(), "backend");
    const Checked v4{"v4", vip4, "{type: l2}", "10.0.0.3"};
    const Checked v6{"v6", vip6, "{type: l2}", "fd00::3"};
    Checked closed = v4, unchecked = v4;
    closed.check = "type: tcp, port: 81";
    unchecked.check = "";
    const auto has_device = [&] { return balancer().run("ip link show culvert-probe").ok(); };
    const auto filters = [&] { return balancer().must("tc filter show dev eth0 ingress"); };
    const auto serves = [&] { return client().run("curl -s --max-time 1 http://192.0.2.1/").ok(); };

    std::optional<Balancer> lbd(std::in_place, balancer(), head + closed.yaml());
    EXPECT_TRUE(becomes(*lbd, "v4", "down"));
    EXPECT_TRUE(eventually([&] { return lbd->backend("v4")["share"] == 0; }));
    lbd->reload(head + unchecked.yaml());
    EXPECT_TRUE(eventually([&] { return lbd->backend("v4")["share"] == 1; }));
    EXPECT_FALSE(has_device());
    EXPECT_EQ(filters(), "");

    lbd->reload(head + closed.yaml());
    EXPECT_TRUE(becomes(*lbd, "v4", "down"));
    lbd->reload(head + v4.yaml() + v6.yaml());  // IPv6: another program
    for (const char* name : {"v4", "v6"}) EXPECT_TRUE(becomes(*lbd, name, "up"));
    EXPECT_TRUE(eventually(serves));
    EXPECT_TRUE(has_device());
    EXPECT_THAT(filters(), HasSubstr("answer"));

    EXPECT_EQ(lbd->stop().status, 0);
    EXPECT_FALSE(has_device());
    EXPECT_EQ(filters(), "");
    EXPECT_TRUE(serves()) << "packets are still balanced";

    lbd.emplace(balancer(), head + v4.yaml());
    EXPECT_TRUE(becomes(*lbd, "v4", "up"));
    balancer().must(CULVERT_LBD " stop --detach");
    EXPECT_EQ(lbd->wait().status, 0);
    EXPECT_FALSE(has_device());
    EXPECT_EQ(balancer().must("tc qdisc show dev eth0 clsact"), "");
}

TEST_F(LbdHealth, AFilterThatIsGoneOrHearsNothingIsNamed) {
    const HttpServer web(backend(), "backend");
    Balancer lbd(balancer(), head + Checked{"v4", vip4, "{type: l2}", "10.0.0.3"}.yaml());
    EXPECT_TRUE(becomes(lbd, "v4", "up"));
    std::size_t removed = 0;
    for (const char* harm : {"tc qdisc del dev eth0 clsact", "tc filter del dev eth0 ingress"}) {
        balancer().must(harm);
        ++removed;
        EXPECT_TRUE(eventually([&] {
            return lbd.said(
                       "eth0: the tc filter that takes the answers to health checks was gone; it is attached "
                       "again") == removed;
        })) << lbd.log();
        EXPECT_TRUE(becomes(lbd, "v4", "up"));
    }

    EXPECT_EQ(lbd.said("sees them before that of lbd"), 0U);
    balancer().must("tc filter add dev eth0 ingress prio 1 protocol all bpf bytecode '1,6 0 0 4294967295'");
    EXPECT_TRUE(becomes(lbd, "v4", "down"));
    EXPECT_TRUE(eventually([&] {
        return lbd.said(
                   "eth0: answers to health checks may be lost: a tc filter of pref 1 sees them before that of "
                   "lbd") == 1;
    })) << lbd.log();
    balancer().must("tc filter del dev eth0 ingress prio 1");
    EXPECT_TRUE(becomes(lbd, "v4", "up"));
    EXPECT_EQ(lbd.stop().status, 0);
    EXPECT_EQ(balancer().must("tc qdisc show dev eth0 clsact"), "") << "it was lbd's, though its filter was gone";
}

TEST_F(LbdHealth, WhatAKillLeavesBehindIsTakenAway) {
    const HttpServer web(backend(), "backend");
    const std::string config = head + Checked{"v4", vip4, "{type: l2}", "10.0.0.3"}.yaml();
    const auto qdisc = [&] { return balancer().must("tc qdisc show dev eth0 clsact"); };
    const auto filters = [&](const char* where) {
        return balancer().must(fmt::format("tc filter show dev eth0 {}", where));
    };
    const auto is_killed = [&] {
        Balancer lbd(balancer(), config);
        EXPECT_TRUE(becomes(lbd, "v4", "up"));
        lbd.stop(SIGKILL);
        EXPECT_THAT(filters("ingress"), HasSubstr("answer"));
    };
    is_killed();
    balancer().must(CULVERT_LBD " stop --detach");
    EXPECT_EQ(qdisc(), "");

    is_killed();
    is_killed();
    std::optional<Balancer> lbd(std::in_place, balancer(), head + "  []\n");  // nothing left to check
    EXPECT_EQ(qdisc(), "");
    EXPECT_EQ(lbd->stop().status, 0);

    balancer().must("tc qdisc add dev eth0 clsact");  // of another program
    is_killed();
    lbd.emplace(balancer(), config);
    EXPECT_TRUE(becomes(*lbd, "v4", "up"));
    EXPECT_EQ(lbd->stop().status, 0);
    EXPECT_EQ(filters("ingress"), "");
    EXPECT_NE(qdisc(), "");

    balancer().must("tc qdisc del dev eth0 clsact");
    lbd.emplace(balancer(), config);
    EXPECT_TRUE(becomes(*lbd, "v4", "up"));
    balancer().must("tc filter add dev eth0 egress bpf bytecode '1,6 0 0 0'");  // of somebody who uses our qdisc
    EXPECT_EQ(lbd->stop().status, 0);
    EXPECT_EQ(filters("ingress"), "");
    EXPECT_THAT(filters("egress"), HasSubstr("bytecode"));
}

/// The number of answered and unanswered checks of a backend.
std::pair<long, long> checks_of(const Host& balancer, const std::string& name) {
    // From ports that the kernel gives to nobody else.
    const std::string metrics = balancer.must("curl -sS --local-port 2000-9000 http://127.0.0.1:9477/metrics");
    const auto value = [&](std::string_view metric) {
        const std::string line = fmt::format("\nlbd_backend_{}{{service=\"{}\",backend=\"{}\"}} ", metric, name, name);
        const auto at = metrics.find(line);
        return at == std::string::npos ? -1 : std::stol(metrics.substr(at + line.size(), 20));
    };
    return {value("check_duration_seconds_count"), value("check_failures_total")};
}

// A user on the balancer binds all ports that the kernel assigns, and sends as much as possible into the checks'
// network.
constexpr const char* local_flood = R"py(
import os, socket, time
os.setgid(65534); os.setuid(65534)
held = []
for kind, family in ((k, f) for k in (socket.SOCK_STREAM, socket.SOCK_DGRAM) for f in (socket.AF_INET, socket.AF_INET6)):
    for port in range(40000, 40100):
        s = socket.socket(family, kind)
        try: s.bind(("", port))
        except OSError: continue
        held.append(s)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end, n = time.time() + 120, 0
print("flooding", flush=True)
while time.time() < end:
    for _ in range(20):
        n += 1
        s = socket.socket()
        s.setblocking(False)
        try:
            s.bind(("240.255.255.254", 1024 + n * 7 % 30000))
            s.connect(("240.0.0.%d" % (1 + n % 5), 1 + n % 65535))
        except OSError: pass
        s.close()
        try: udp.sendto(b"x", ("240.0.0.%d" % (1 + n % 5), 1 + n % 65535))
        except OSError: pass
    time.sleep(0.005)
)py";

TEST_F(LbdHealth, NobodyElseOnTheBalancerCanMakeACheckFail) {
    backend().ip("addr add 192.0.2.2/32 dev lo\naddr add 2001:db8::2/128 dev lo\naddr add 192.0.2.3/32 dev lo\n");
    const HttpServer web(backend(), "backend");
    const DnsServer dns(backend(), "backend", {"192.0.2.2", "2001:db8::2"});
    const std::string pace = "interval: 1s, timeout: 1s, rise: 1, fall: 2";
    const std::string dns_check = "type: dns, port: 53, name: whoami.example, record: TXT";
    const std::vector<Checked> all{{"tcp4", vip4, "{type: l2}", "10.0.0.3", "type: tcp", pace},
                                   {"http6", vip6, "{type: l2}", "fd00::3", "type: http", pace},
                                   {"dns4", "192.0.2.2", "{type: l2}", "10.0.0.3", dns_check, pace},
                                   {"dns6", "2001:db8::2", "{type: l2}", "fd00::3", dns_check, pace},
                                   {"icmp4", "192.0.2.3", "{type: l2}", "10.0.0.3", "type: icmp", pace}};
    balancer().set_sysctl("net.ipv4.ip_local_port_range", "40000 40099");
    std::string services;
    for (const Checked& one : all) services += one.yaml();
    const Balancer lbd(balancer(), head + services);
    for (const Checked& one : all) ASSERT_TRUE(becomes(lbd, one.name, "up")) << one.name << lbd.backend(one.name);
    const auto expect_more_answers = [&](const char* when, int more) {
        for (const Checked& one : all) {
            const long before = checks_of(balancer(), one.name).first;
            EXPECT_TRUE(eventually([&] { return checks_of(balancer(), one.name).first >= before + more; }))
                << one.name << " while " << when << lbd.backend(one.name) << lbd.log();
            EXPECT_EQ(checks_of(balancer(), one.name).second, 0) << one.name << " while " << when << lbd.log();
        }
    };

    {
        balancer().write("/run/flood.py", local_flood);
        Process flood = balancer().spawn("python3 /run/flood.py");
        flood.wait_for("flooding");
        expect_more_answers("somebody floods", 5);
    }
    const std::string address = lbd.backend("tcp4")["probe_address"];
    balancer().set_sysctl("net.ipv4.ip_local_port_range", "32768 60999");
    EXPECT_EQ(balancer().must("setpriv --reuid 65534 --clear-groups curl -sS http://" + address + "/"), "backend\n");

    // An administrator's changes to this host don't affect the health of backends, except for a check under way.
    balancer().must("nft add table inet other");
    balancer().must("nft add chain inet other out '{ type filter hook output priority 0; }'");
    balancer().must("nft add rule inet other out oifname culvert-probe drop");
    EXPECT_TRUE(eventually([&] { return lbd.said("is not checked, and its state stays") > 0; })) << lbd.log();
    for (const Checked& one : all) EXPECT_EQ(lbd.backend(one.name)["health"], "up");
    balancer().must("nft delete table inet other");

    // lbd restores what the administrator removes.
    for (const char* harm : {"ip route flush dev culvert-probe", "ip route flush table local dev culvert-probe",
                             "ip link set culvert-probe down", "ip link del culvert-probe",
                             "tc qdisc del dev eth0 clsact", "tc filter del dev eth0 ingress"}) {
        balancer().must(harm);
        EXPECT_TRUE(eventually([&] {
            return balancer().run("curl -sS --max-time 1 http://" + address + "/").out == "backend\n";
        })) << harm;
        for (const Checked& one : all) EXPECT_TRUE(becomes(lbd, one.name, "up")) << harm << lbd.log();
    }
}

// A stranger who sees no probe sends all possible answers.
TEST_F(LbdHealth, AStrangersAnswersAreNoAnswers) {
    client().write("/run/forge.py", R"py(
import socket, struct, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("eth0", 0))
a = lambda text: socket.inet_aton(text)
def ip(protocol, source, l4):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(l4), 0, 0, 64, protocol, 0, a(source), a("10.0.0.2"))
    total = sum(struct.unpack("!10H", header)); total = (total & 0xffff) + (total >> 16); total = (total & 0xffff) + (total >> 16)
    return bytes.fromhex("02000a000002 02000a000001 0800") + header[:10] + struct.pack("!H", ~total & 0xffff) + header[12:] + l4
frames = []
for port in range(32768, 65536):
    for flags in (0x12, 0x14, 0x04):  # SYN and ACK, RST and ACK, RST
        frames.append(ip(6, "192.0.2.1", struct.pack("!HHIIBBHHH", 81, port, 7, 7, 0x50, flags, 1024, 0, 0)))
    frames.append(ip(1, "192.0.2.2", struct.pack("!BBHHH", 0, 0, ~port & 0xffff, port, 0)))
end = time.time() + 120
rounds = 0
while time.time() < end:
    for frame in frames: s.send(frame)
    rounds += 1
    if rounds == 2: print("twice", flush=True)
)py");
    backend().must("nft add table inet silent");
    backend().must("nft add chain inet silent in '{ type filter hook input priority 0; }'");
    backend().must("nft add rule inet silent in tcp dport 81 drop");
    const std::string pace = "interval: 2s, timeout: 2s, rise: 1, fall: 1";
    const Balancer lbd(balancer(),
                       head + Checked{"syn", vip4, "{type: l2}", "10.0.0.3", "type: syn, port: 81", pace}.yaml() +
                           Checked{"icmp", "192.0.2.2", "{type: l2}", "10.0.0.3", "type: icmp", pace}.yaml());
    for (const char* name : {"syn", "icmp"}) ASSERT_TRUE(becomes(lbd, name, "down", "no answer"));
    const Process forge = client().spawn("python3 /run/forge.py");
    forge.wait_for("twice");
    for (const char* name : {"syn", "icmp"}) {
        const long failed = checks_of(balancer(), name).second;
        EXPECT_TRUE(eventually([&] { return checks_of(balancer(), name).second >= failed + 2; })) << name;
        EXPECT_EQ(checks_of(balancer(), name).first, 0) << name;
        EXPECT_THAT(lbd.backend(name)["health_reason"].get<std::string>(), HasSubstr("no answer within")) << name;
    }
}

}  // namespace
}  // namespace culvert::netns
