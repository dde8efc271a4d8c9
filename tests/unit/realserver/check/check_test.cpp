// SPDX-License-Identifier: Apache-2.0
#include "realserver/check/check.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <netinet/in.h>

#include <nlohmann/json.hpp>

#include "realserver/desired/decide.hpp"
#include "tests/unit/realserver/address.hpp"
#include "tests/unit/realserver/simulated_host.hpp"

namespace culvert::realserver {
namespace {

using netlink::SysctlKey;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A working backend, for tests to break.
struct Backend {
    Config wanted;
    SimulatedHost host;
    Record record;
    Surroundings around;
    Environment environment;

    explicit Backend(std::string_view yaml) : wanted(config(yaml)) {
        for (const Change& change : plan_of(wanted, {host.state(), {}, {}}, {}).changes)
            EXPECT_TRUE(host.perform(change));
        for (const auto& [key, item] : host.state())
            if (key.kind == Kind::link) environment.devices[key.name] = {.mtu = 1500};
        environment.devices["eth0"].answers = true;
        environment.addresses = {{"eth0", prefix("10.0.0.3/24")}, {"eth0", prefix("fd00::3/64")}};
        for (const Prefix& balancer : wanted.balancers)
            environment.balancers.emplace(balancer, Environment::Way{"eth0", 1500});
        for (const Family family : {Family::ipv4, Family::ipv6}) environment.outside[family] = {"eth0", 1500};
        listen("::", IPPROTO_TCP, 80);
    }

    void listen(std::string_view address, std::uint8_t protocol, std::uint16_t port, std::string owner = {}) {
        environment.listeners.push_back(
            {{.family = ip(address).family(), .protocol = protocol, .address = ip(address), .port = port},
             {},
             std::move(owner)});
    }

    [[nodiscard]] Diagnosis diagnosis() const {
        return check(decide(wanted, around), {host.state(), {}, around}, record, environment);
    }

    [[nodiscard]] std::vector<Finding> findings() const { return diagnosis().findings; }

    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> result;
        for (const Finding& finding : findings()) result.emplace_back(finding.name.text);
        return result;
    }

    /// The only finding.
    [[nodiscard]] Finding finding() const {
        const auto all = findings();
        EXPECT_EQ(all.size(), 1U) << testing::PrintToString(names());
        return all.empty() ? Finding{} : all.front();
    }
};

constexpr std::string_view tunnels = R"(
balancers: [10.0.0.1, 'fd00::1']
vips: [192.0.2.1, '2001:db8::1']
receive: [{encap: ipip}, {encap: gue, port: 5080}]
)";
constexpr std::string_view bare = R"(
balancers: [10.0.0.1]
vips: [192.0.2.1]
receive: [{encap: l3dsr, dscp: 2, vip: 192.0.2.1}, {encap: l2}]
)";

TEST(Check, ABackendThatWorksIsInOrder) {
    for (const auto yaml : {tunnels, bare}) {
        const Backend backend(yaml);
        EXPECT_THAT(backend.names(), IsEmpty());
        const Diagnosis diagnosis = backend.diagnosis();
        EXPECT_GT(diagnosis.checked, 10U);
        EXPECT_EQ(to_text(diagnosis, false),
                  "in order: " + std::to_string(diagnosis.checked) + " preconditions checked\n");
    }
}

TEST(Check, ModulesThatAreMissingAreAllThatIsSaidOfTheirDevicesAndPorts) {
    Backend backend(tunnels);
    backend.host = SimulatedHost();
    for (const Change& change : plan_of(backend.wanted, {backend.host.state(), {}, {}}, {}).changes)
        if (change.key().kind == Kind::vip || change.key().kind == Kind::sysctl) (void)backend.host.perform(change);
    for (const char* module : {"ipip", "sit", "ip6_tunnel"}) backend.host.put(Module{module});
    for (const char* device : {"tunl0", "sit0", "ip6tnl0"}) backend.host.device(device, true);
    backend.host.put(TunnelMode{"ip6tnl0", netlink::TunnelInner::any});
    backend.around.absent_modules = {"fou"};
    backend.wanted = config(R"(
balancers: [10.0.0.1, 'fd00::1']
vips: [192.0.2.1, '2001:db8::1']
receive: [{encap: ipip}, {encap: gue, port: 5080, via: kernel}]
guard: off
mss: off
)");
    EXPECT_THAT(backend.finding().advice, HasSubstr("CONFIG_NET_FOU"));
    EXPECT_EQ(backend.finding().name, "module_missing");
    backend.around.absent_modules.clear();
    EXPECT_EQ(backend.finding().name, "module_not_loaded");
    EXPECT_EQ(backend.finding().command(), "modprobe fou && realserver apply");
}

TEST(Check, DevicesAndPorts) {
    Backend backend(tunnels);
    backend.host.put(Link{"tunl0", false});
    EXPECT_EQ(backend.finding().name, "device_down");
    backend.host.put(Link{"tunl0", true});
    backend.host.put(TunnelMode{"ip6tnl0", netlink::TunnelInner::ipv6});
    EXPECT_EQ(backend.finding().name, "device_wrong_mode");
    EXPECT_EQ(backend.finding().command(), "ip -6 tunnel change ip6tnl0 mode any");
    backend.host.put(TunnelMode{"ip6tnl0", netlink::TunnelInner::any});

    const Port gue{{.family = Family::ipv4, .port = 5080, .type = netlink::FouType::gue}, ""};
    backend.host.erase(key(gue));
    EXPECT_EQ(backend.finding().name, "port_missing");
    backend.listen("0.0.0.0", IPPROTO_UDP, 5080, "socat (process 42)");
    EXPECT_EQ(backend.finding().name, "port_taken");
    EXPECT_THAT(backend.finding().cause, HasSubstr("socat (process 42) uses port 5080/udp over ipv4"));
    backend.environment.listeners.pop_back();
    backend.host.put(Port{{.family = Family::ipv4, .port = 5080, .protocol = IPPROTO_IPIP}, ""});
    EXPECT_EQ(backend.finding().name, "port_taken");
    EXPECT_EQ(backend.finding().command(), "ip fou del port 5080 && realserver apply");
    EXPECT_EQ(backend.finding().advice, "choose another port");
    backend.host.put(gue);

    backend.host.erase(key(Link{"sit0"}));
    EXPECT_EQ(backend.finding().name, "fallback_device_absent");
}

TEST(Check, AProcessIsInTheWayOfAPortWhereItsPacketsAre) {
    const auto is_in_the_way = [](std::string_view address, bool only_ipv6, const netlink::FouPort& port) {
        return realserver::is_in_the_way({.family = ip(address).family(),
                                          .protocol = IPPROTO_UDP,
                                          .address = ip(address),
                                          .port = 5080,
                                          .only_ipv6 = only_ipv6},
                                         port);
    };
    const netlink::FouPort over4{.family = Family::ipv4, .port = 5080};
    const netlink::FouPort over6{.family = Family::ipv6, .port = 5080};
    const netlink::FouPort bound{.family = Family::ipv4, .port = 5080, .local = ip("10.0.0.3")};
    EXPECT_TRUE(is_in_the_way("0.0.0.0", false, over4));
    EXPECT_TRUE(is_in_the_way("127.0.0.1", false, over4));
    EXPECT_TRUE(is_in_the_way("::", false, over4));
    EXPECT_FALSE(is_in_the_way("::", true, over4));
    EXPECT_FALSE(is_in_the_way("0.0.0.0", false, over6));
    EXPECT_TRUE(is_in_the_way("::", true, over6));
    EXPECT_FALSE(is_in_the_way("127.0.0.1", false, bound));
    EXPECT_TRUE(is_in_the_way("10.0.0.3", false, bound));
    EXPECT_FALSE(is_in_the_way("0.0.0.0", false, {.family = Family::ipv4, .port = 5081}));
}

TEST(Check, TheEffectiveRpFilterCounts) {
    Backend backend(tunnels);
    backend.host.sysctl("net.ipv4.conf.tunl0.rp_filter", 2);
    EXPECT_EQ(backend.finding(), (Finding{.name = "rp_filter_drops",
                                          .cause = "the reverse-path filter drops packets from tunl0",
                                          .evidence = {"net.ipv4.conf.tunl0.rp_filter = 2"},
                                          .cure = {"realserver apply"}}));
    backend.wanted.rp_filter = Policy::leave;
    EXPECT_EQ(backend.finding().command(), "sysctl -w net.ipv4.conf.tunl0.rp_filter=0");
    backend.host.sysctl("net.ipv4.conf.tunl0.rp_filter", 0);
    backend.host.sysctl("net.ipv4.conf.all.rp_filter", 1);
    EXPECT_THAT(backend.finding().cause, HasSubstr("ip6tnl0, tunl0"));
}

TEST(Check, AStrictFilterWantsBareRequestsToComeWhereAnswersGo) {
    Backend backend(bare);
    backend.host.sysctl("net.ipv4.conf.eth0.rp_filter", 1);
    EXPECT_THAT(backend.names(), IsEmpty());
    backend.environment.outside[Family::ipv4].device = "eth1";
    EXPECT_EQ(backend.finding().name, "rp_filter_drops");
    EXPECT_EQ(backend.finding().command(), "sysctl -w net.ipv4.conf.eth0.rp_filter=2");
    backend.host.sysctl("net.ipv4.conf.eth0.rp_filter", 2);
    EXPECT_THAT(backend.names(), IsEmpty());
}

TEST(Check, ASysctlThatApplySetAndAnotherToolResetIsSaidToBe) {
    Backend backend(tunnels);
    const Sysctl ours{SysctlKey::rp_filter("all"), 0};
    backend.record = {{key(ours), {Sysctl{ours.key, 0}, {ours}}}};
    backend.host.sysctl("net.ipv4.conf.all.rp_filter", 2);
    backend.environment.sysctl_lines = read_sysctl_lines(
        "# a comment\n-net.ipv4.conf.*.rp_filter = 2\nnet.ipv4.ip_forward=1\n", "/usr/lib/sysctl.d/50.conf");
    EXPECT_EQ(backend.finding().name, "sysctl_reset");
    EXPECT_THAT(backend.finding().evidence, ElementsAre("net.ipv4.conf.all.rp_filter = 2",
                                                        "/usr/lib/sysctl.d/50.conf: net.ipv4.conf.*.rp_filter = 2"));
}

TEST(Check, VipsAreOnLoAndOnNothingThatAnswersForThem) {
    Backend backend(bare);
    backend.environment.addresses.push_back({"eth0", prefix("192.0.2.1/24")});
    EXPECT_EQ(backend.finding().name, "vip_on_device");
    EXPECT_THAT(backend.finding().command(), HasSubstr("ip addr del 192.0.2.1/24 dev eth0"));
    backend.host.erase({Kind::vip, "192.0.2.1"});
    EXPECT_EQ(backend.finding().name, "vip_on_device") << "and not also vip_missing";
    backend.environment.addresses.back().device = "dummy0";
    EXPECT_EQ(backend.finding().name, "vip_missing");
    EXPECT_THAT(backend.finding().evidence, ElementsAre("lo: no 192.0.2.1/32", "dummy0: 192.0.2.1/24"));
}

TEST(Check, ArpAndNeighbourDiscovery) {
    Backend backend(bare);
    backend.host.sysctl("net.ipv4.conf.all.arp_ignore", 0);
    EXPECT_EQ(backend.finding().name, "arp_answers_vip");
    backend.wanted.arp = Policy::leave;
    EXPECT_THAT(backend.names(), IsEmpty()) << "no configuration needs it";
    backend.environment.addresses.push_back({"eth0", prefix("192.0.2.7/24")});
    EXPECT_EQ(backend.finding().command(), "sysctl -w net.ipv4.conf.eth0.arp_ignore=1");
    backend.environment.devices["eth0"].arp_ignore = 1;
    EXPECT_THAT(backend.names(), IsEmpty());
    backend.wanted.arp = Policy::managed;
    backend.host.sysctl("net.ipv4.conf.all.arp_ignore", 1);
    backend.host.sysctl("net.ipv4.conf.all.arp_announce", 0);
    EXPECT_EQ(backend.finding().name, "arp_announces_vip");

    Backend over6(tunnels);
    over6.environment.proxied = {{"eth0", prefix("2001:db8::1")}, {"eth0", prefix("2001:db8::2")}};
    EXPECT_EQ(over6.finding().name, "proxy_answers_vip");
}

TEST(Check, WhatXdpUnwraps) {
    Backend backend(bare);
    backend.wanted = config(R"(
balancers: [10.0.0.1]
vips: [192.0.2.1]
receive: [{encap: gue, port: 5080, via: xdp}]
interfaces: [eth0]
guard: off
mss: off
)");
    backend.host.erase({Kind::table, "inet culvert"});
    EXPECT_EQ(backend.finding().name, "xdp_missing");
    backend.host.put(Decap{.device = "eth0", .program = {}, .mode = {}, .removal = "bpftool link detach id 7"});
    EXPECT_EQ(backend.finding().command(), "bpftool link detach id 7 && realserver apply");
    EXPECT_EQ(backend.finding().name, "device_taken");
    const netlink::Error unread{
        .operation = "read", .object = "PIN", .code = EACCES, .kernel = {}, .cure = "run as root"};
    backend.host.put(Decap{.device = "eth0", .program = {}, .mode = {}, .unread = unread});
    EXPECT_THAT(backend.names(), IsEmpty());
    EXPECT_THAT(backend.diagnosis().not_judged,
                ElementsAre(NotJudged{"the XDP program of eth0", "read PIN: Permission denied (run as root)"}));
}

TEST(Check, TheWayBackAndItsRoom) {
    Backend backend(tunnels);
    backend.environment.answers = {{prefix("192.0.2.1/32"), ip("8.0.0.1"), Environment::Way{"eth0", 1500}, ""},
                                   {prefix("2001:db8::1/128"), ip("2600::1"), {}, "Network is unreachable"}};
    EXPECT_EQ(backend.finding().name, "no_route_back");
    EXPECT_EQ(backend.finding().cure, std::vector<std::string>{});
    EXPECT_EQ(backend.finding().advice, "ip -6 route replace default via ROUTER");

    Backend narrow(tunnels);
    for (auto& [balancer, way] : narrow.environment.balancers) way.mtu = 1400;
    EXPECT_EQ(narrow.finding().name, "mtu_too_small");
    Backend told(fmt::format("mtu: 1400\n{}", tunnels));
    for (auto& [balancer, way] : told.environment.balancers) way.mtu = 1400;
    EXPECT_THAT(told.names(), IsEmpty());
    Backend without_tunnels(bare);
    for (auto& [balancer, way] : without_tunnels.environment.balancers) way.mtu = 1400;
    EXPECT_THAT(without_tunnels.names(), IsEmpty());

    Backend disabled(tunnels);
    disabled.environment.devices["sit0"].ipv6_disabled = true;
    EXPECT_EQ(disabled.finding().name, "ipv6_disabled");
}

TEST(Check, SomebodyListens) {
    Backend backend(bare);
    backend.environment.listeners.clear();
    EXPECT_EQ(backend.finding().name, "nobody_listens");
    backend.listen("10.0.0.3", IPPROTO_TCP, 80);
    EXPECT_EQ(backend.finding().name, "nobody_listens");
    backend.listen("192.0.2.1", IPPROTO_UDP, 53);
    EXPECT_THAT(backend.names(), IsEmpty());
}

TEST(Check, RulesetAndLeftOvers) {
    Backend backend(bare);
    backend.host.erase({Kind::table, "inet culvert"});
    EXPECT_EQ(backend.finding().name, "rules_missing");
    backend.host.put(Ruleset{{.name = "culvert"}});
    EXPECT_EQ(backend.finding().name, "rules_differ");

    Backend another(bare);
    const Vip former{prefix("192.0.2.9")};
    another.host.put(former);
    another.record = {{key(former), {std::nullopt, {former}}}};
    EXPECT_EQ(another.finding().name, "left_over");
}

/// Another program's chain with one rule.
Firewall theirs(const std::string& hook, const std::string& statements, int priority = 0,
                const std::string& table = "t") {
    return {.chains = {{.family = "inet",
                        .table = table,
                        .name = "c",
                        .hook = hook,
                        .type = "filter",
                        .priority = priority,
                        .rules = {{.handle = 7, .statements = nlohmann::json::parse(statements), .text = "the rule"}}}},
            .sets = {}};
}

TEST(Check, RulesOfOthersThatDropTunnelsAreNamedOnce) {
    Backend backend(tunnels);
    const std::string udp = R"([{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":17}},{"drop":null}])";
    backend.environment.firewall = theirs("input", udp);
    EXPECT_EQ(backend.finding(),
              (Finding{.name = "firewall_drops_tunnel",
                       .cause = "5080/udp from 10.0.0.1, 5080/udp from fd00::1 are dropped",
                       .evidence = {"chain inet t c: the rule"},
                       .cure = {"nft insert rule inet t c ip saddr 10.0.0.1 udp dport 5080 accept",
                                "nft insert rule inet t c ip6 saddr fd00::1 udp dport 5080 accept"}}));
    backend.environment.firewall = theirs("input", udp, 0, "firewalld");
    EXPECT_EQ(backend.finding().command(), "realserver render firewalld -o / && firewall-cmd --reload");
}

TEST(Check, RulesOfOthersThatDropRequestsAndAnswers) {
    Backend backend(tunnels);
    const std::string to_80 =
        R"([{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":80}},{"drop":null}])";
    backend.environment.firewall = theirs("input", to_80);
    EXPECT_EQ(backend.finding().name, "firewall_drops_request");
    EXPECT_THAT(backend.finding().cure,
                ElementsAre("nft insert rule inet t c ip daddr 192.0.2.1 tcp dport 80 accept",
                            "nft insert rule inet t c ip6 daddr 2001:db8::1 tcp dport 80 accept"));
    // a server on all addresses need not be meant for the VIP
    backend.listen("::", IPPROTO_TCP, 443);
    EXPECT_THAT(backend.names(), IsEmpty());
    backend.environment.firewall =
        theirs("output", R"([{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},
                             "right":"192.0.2.1"}},{"drop":null}])");
    EXPECT_EQ(backend.finding().name, "firewall_drops_answer");
    EXPECT_THAT(backend.finding().cure,
                ElementsAre("nft insert rule inet t c ip saddr 192.0.2.1 tcp sport 80 accept",
                            "nft insert rule inet t c ip saddr 192.0.2.1 tcp sport 443 accept"));
}

TEST(Check, ArpThatNobodyHears) {
    Backend host(bare);
    auto& chains = host.environment.firewall.chains;
    chains = {{.family = "arp", .table = "f", .name = "i", .hook = "input", .type = "filter", .drops = true}};
    EXPECT_EQ(host.finding().name, "arp_filtered");
    EXPECT_EQ(host.finding().command(), "nft 'chain arp f i { policy accept; }'");

    const nlohmann::json drop = {{"drop", nullptr}};
    const nlohmann::json counter = {{"counter", {{"packets", 0}}}};
    const nlohmann::json of_a_vip = {{"match", {{"op", "=="}}}};
    chains.front().rules = {{.handle = 7, .statements = {counter, drop}, .text = "counter drop"}};
    EXPECT_EQ(host.finding().command(), "nft delete rule arp f i handle 7");
    EXPECT_THAT(host.finding().evidence, ElementsAre("arp f i: counter drop"));
    // VIPs that are kept quiet, and rules that let some pass
    chains.front().rules = {{.handle = 7, .statements = {of_a_vip, drop}, .text = "arp daddr ip 192.0.2.1 drop"}};
    EXPECT_THAT(host.names(), IsEmpty());
    chains.front().rules.clear();
    chains.front().hook.clear();
    EXPECT_THAT(host.names(), IsEmpty()) << "a chain to jump to";
}

TEST(Check, ARequestThatARuleOfItsPortRefuses) {
    Backend host(bare);
    host.environment.refused = {{ip("192.0.2.1"), ip("8.0.0.1"), "eth0", "Network is unreachable", IPPROTO_TCP, 80}};
    EXPECT_EQ(host.finding().name, "request_refused");
    EXPECT_THAT(
        host.finding().evidence,
        ElementsAre("ip route get 192.0.2.1 from 8.0.0.1 iif eth0 ipproto tcp dport 80: Network is unreachable"));
}

netlink::IpsecPolicy policy(netlink::IpsecDirection direction, std::string_view source, std::string_view destination) {
    return {.index = 8,
            .direction = direction,
            .selector = {.source = prefix(source), .destination = prefix(destination)},
            .blocks = true};
}

TEST(Check, PoliciesOfIpsecThatBlock) {
    using netlink::IpsecDirection;
    Backend host(tunnels);
    host.environment.answers = {{.vip = prefix("192.0.2.1/32"), .client = ip("8.0.0.1"), .way = {{"eth0", 1500}}},
                                {.vip = prefix("192.0.2.1/32"), .client = ip("9.0.0.1"), .way = {{"eth0", 1500}}}};
    auto& policies = host.environment.ipsec;
    policies = {policy(IpsecDirection::in, "0.0.0.0/0", "192.0.2.0/24")};
    EXPECT_EQ(host.finding(),
              (Finding{.name = "ipsec_blocks",
                       .cause = "a policy of IPsec drops requests to 192.0.2.1 port 80/tcp",
                       .evidence = {"ip xfrm policy: src 0.0.0.0/0 dst 192.0.2.0/24 dir in action block"},
                       .cure = {"ip xfrm policy delete dir in index 8"}}));
    policies = {policy(IpsecDirection::out, "0.0.0.0/0", "0.0.0.0/0")};
    EXPECT_EQ(host.finding().cause, "a policy of IPsec drops answers of 192.0.2.1 port 80/tcp");
    policies = {policy(IpsecDirection::in, "10.0.0.0/24", "10.0.0.3/32")};
    EXPECT_THAT(host.finding().cause, HasSubstr("5080/udp from 10.0.0.1"));
    policies.front().selector.protocol = IPPROTO_TCP;
    EXPECT_THAT(host.names(), IsEmpty()) << "tunnels are not carried by TCP";
    policies = {policy(IpsecDirection::in, "8.0.0.0/8", "192.0.2.1/32"), policy(IpsecDirection::out, "::/0", "::1/128"),
                policy(IpsecDirection::forward, "0.0.0.0/0", "0.0.0.0/0")};
    EXPECT_THAT(host.names(), IsEmpty()) << "some clients, other packets";

    // the first one counts
    policies = {policy(IpsecDirection::in, "0.0.0.0/0", "192.0.2.1/32"),
                policy(IpsecDirection::in, "0.0.0.0/0", "192.0.2.0/24")};
    policies.front().blocks = false;
    EXPECT_THAT(host.names(), IsEmpty());
    policies.front().selector.protocol = IPPROTO_UDP;
    EXPECT_EQ(host.finding().name, "ipsec_blocks");
    for (auto& one : policies) one.xfrm_interface = 1;
    EXPECT_THAT(host.names(), IsEmpty()) << "packets of an interface of IPsec";

    policies.clear();
    host.environment.ipsec_defaults.in_blocked = true;
    EXPECT_EQ(host.finding().cure, std::vector<std::string>{"ip xfrm policy setdefault in accept"});
}

TEST(Check, AnswersToUntrackedRequestsAreInvalidToConntrack) {
    const std::string invalid = R"([{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":1}},{"drop":null}])";
    Backend mixed(bare);
    mixed.environment.firewall = theirs("output", invalid);
    EXPECT_EQ(mixed.finding().name, "invalid_dropped");
    Backend alone("balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: l3dsr, dscp: 2, vip: 192.0.2.1}]");
    alone.environment.firewall = theirs("output", invalid);
    EXPECT_THAT(alone.names(), IsEmpty()) << "nor are its answers tracked";
    Backend tunnelled(tunnels);
    tunnelled.environment.firewall = theirs("output", invalid);
    EXPECT_THAT(tunnelled.names(), IsEmpty());
    Firewall both = theirs("prerouting", R"([{"notrack":null}])", -300);
    both.chains.push_back(tunnelled.environment.firewall.chains.front());
    tunnelled.environment.firewall = both;
    EXPECT_EQ(tunnelled.finding().name, "invalid_dropped");
}

TEST(Check, RulesThatRewriteMarkedPackets) {
    Backend backend(bare);
    backend.environment.firewall = theirs("prerouting", R"([{"match":{"op":"==","left":{"payload":{"protocol":"ip",
        "field":"dscp"}},"right":2}},{"xt":{"type":"target","name":"DADDR"}}])",
                                          -300);
    EXPECT_EQ(backend.finding().name, "rule_rewrites");
    EXPECT_EQ(backend.finding().command(), "nft delete rule inet t c handle 7");

    Backend legacy(bare);
    for (const char* text : {":INPUT ACCEPT [0:0]", ":FORWARD DROP [0:0]", ":DOCKER - [0:0]", "-A FORWARD -j REJECT",
                             "-A DOCKER -j DROP", "-A INPUT -m dscp --dscp 0x02 -j DADDR --set-daddr=192.0.2.1"})
        legacy.environment.legacy_rules.push_back({"iptables-legacy -t mangle", text});
    EXPECT_EQ(legacy.finding().name, "rule_rewrites");
    EXPECT_EQ(legacy.finding().command(),
              "iptables-legacy -t mangle -D INPUT -m dscp --dscp 0x02 -j DADDR --set-daddr=192.0.2.1");
    legacy.environment.legacy_rules.back().text = "-A INPUT -j DOCKER";
    EXPECT_EQ(legacy.finding().name, "legacy_rules_drop");
    EXPECT_THAT(legacy.finding().evidence, ElementsAre("iptables-legacy -t mangle: -A DOCKER -j DROP"));
    legacy.environment.legacy_rules.back().table = "iptables-legacy -t raw";
    EXPECT_THAT(legacy.names(), IsEmpty()) << "a chain of another table";
    legacy.environment.legacy_rules.front().text = ":INPUT DROP [0:0]";
    EXPECT_EQ(legacy.finding().name, "legacy_rules_drop");
}

TEST(Check, WhatCannotBeReadIsSaid) {
    Backend backend(bare);
    backend.environment.firewall_unread = "run nft: No such file or directory";
    EXPECT_EQ(backend.finding().name, "firewall_unread");
    Backend legacy(bare);
    legacy.environment.legacy_unread = {"/proc/thread-self/net/ip_tables_names: filter"};
    EXPECT_EQ(legacy.finding().name, "legacy_rules_drop");
}

TEST(Check, IsShownAsTextAndAsJson) {
    const Diagnosis diagnosis{
        {{"device_down", "tunl0 is down", {"no UP", "seen"}, {"ip link set tunl0 up", "realserver apply"}},
         {"port_taken", "5080 is taken", {}, {"ip fou del port 5080"}, "choose another port"},
         {"nobody_listens", "nobody is there", {}, {}, "start the service"}},
        7,
        {{"rules of iptables-legacy", "may not be read"}}};
    EXPECT_EQ(to_text(diagnosis, false),
              "device_down  tunl0 is down\n"
              "  evidence: no UP\n"
              "  evidence: seen\n"
              "  cure: ip link set tunl0 up && realserver apply\n"
              "port_taken  5080 is taken\n"
              "  cure: ip fou del port 5080\n"
              "  or: choose another port\n"
              "nobody_listens  nobody is there\n"
              "  advice: start the service\n"
              "not_judged  rules of iptables-legacy: may not be read\n");
    const auto json = to_json(diagnosis);
    EXPECT_EQ(json["findings"][0].dump(),
              R"({"name":"device_down","cause":"tunl0 is down","evidence":["no UP","seen"],)"
              R"("cure":"ip link set tunl0 up && realserver apply","advice":""})");
    EXPECT_EQ(json["checked"], 7);
    EXPECT_EQ(json["not_judged"].dump(), R"([{"what":"rules of iptables-legacy","reason":"may not be read"}])");
}

TEST(Check, WhatCannotBeJudgedIsSaidAndIsNoFinding) {
    Backend backend(bare);
    backend.environment.not_judged = {{"rules of iptables-legacy", "may not be read"}};
    EXPECT_THAT(backend.names(), IsEmpty());
    EXPECT_THAT(to_text(backend.diagnosis(), false),
                testing::EndsWith("preconditions checked\nnot_judged  rules of iptables-legacy: may not be read\n"));
}

TEST(Check, BeforeTheFirstApplyAnswersHaveNoWayYet) {
    Backend backend(bare);
    backend.host.erase({Kind::vip, "192.0.2.1"});
    const auto unjudged = backend.diagnosis().not_judged;
    ASSERT_EQ(unjudged.size(), 1U);
    EXPECT_EQ(unjudged.front().what, "routes of answers over ipv4");
}

TEST(Check, CuresAreForTheConfigurationAndTheNamespaceThatWereAskedAbout) {
    Diagnosis diagnosis{{{"device_down", "", {}, {"ip link set tunl0 up", "save | load", "realserver apply"}}}, 1};
    diagnosis.write_cures_for("", "");
    EXPECT_THAT(diagnosis.findings[0].cure, ElementsAre("ip link set tunl0 up", "save | load", "realserver apply"));
    Diagnosis by_path = diagnosis;
    diagnosis.write_cures_for("/run/a.yaml", "web");
    EXPECT_THAT(diagnosis.findings[0].cure,
                ElementsAre("ip netns exec web ip link set tunl0 up", "ip netns exec web sh -c 'save | load'",
                            "realserver apply -c /run/a.yaml --netns web"));
    by_path.write_cures_for("", "/proc/7/ns/net");
    EXPECT_EQ(by_path.findings[0].cure.front(), "nsenter --net=/proc/7/ns/net ip link set tunl0 up");
}

}  // namespace
}  // namespace culvert::realserver
