// SPDX-License-Identifier: Apache-2.0
//
// realserver's rendered files, read by the programs they are for.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "tests/netns/harness/netns_test.hpp"

namespace culvert::netns {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

class RealserverRender : public NetnsTest {
  protected:
    /// Writes the configuration and renders one kind from it below /run/rendered. Returns the file's path.
    std::string render(std::string_view kind, std::string_view yaml) {
        host_.write("/run/realserver.yaml", yaml);
        const std::string said =
            host_.must(fmt::format(CULVERT_REALSERVER " render {} -c /run/realserver.yaml -o /run/rendered", kind));
        return said.substr(0, said.find('\n'));
    }
    [[nodiscard]] std::string plan() const { return host_.run(CULVERT_REALSERVER " plan -c /run/realserver.yaml").out; }
    /// The table without handles and counters.
    [[nodiscard]] json table() const {
        return json::parse(host_.must(R"(sh -c "nft -j list table inet culvert |
            jq 'del(.. | .handle?) | del(.nftables[].rule.expr[]?.counter?.packets, .nftables[].rule.expr[]?.counter?.bytes)'")"));
    }

    const Host host_{"host"};
};

constexpr std::string_view by_mark = R"(
balancers: [10.0.0.1, 10.0.0.8/29, "fd00::/64"]
vips: [192.0.2.1, 2001:db8::1]
receive:
  - {encap: l3dsr, dscp: 2, vip: 192.0.2.1}
  - {encap: l3dsr, dscp: 3, vip: 2001:db8::1}
  - {encap: l2}
)";

constexpr std::string_view by_tunnel = R"(
balancers: [10.0.0.1, 10.0.0.8/29, "fd00::/64"]
vips: [192.0.2.1, 2001:db8::1]
receive: [{encap: ipip}, {encap: gre}, {encap: gue, port: 5080}]
)";

TEST_F(RealserverRender, NftablesFileMakesTheTableThatApplyMakes) {
    const std::string file = render("nftables", by_mark);
    host_.must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    const json applied = table();
    host_.must(CULVERT_REALSERVER " teardown -c /run/realserver.yaml");

    host_.must("nft -f " + file);
    EXPECT_EQ(table(), applied);
    host_.must("nft -f " + file);  // again: it replaces the existing table
    EXPECT_EQ(table(), applied);
    EXPECT_THAT(plan(), Not(HasSubstr("table")));
}

TEST_F(RealserverRender, HookAppliesWhenAnInterfaceBecomesRoutable) {
    const std::string file = render("networkd-dispatcher", by_mark);
    EXPECT_EQ(file, "/run/rendered/etc/networkd-dispatcher/routable.d/50-culvert");
    host_.must("shellcheck " + file);

    // As networkd-dispatcher runs it: networkd-dispatcher(8), "ENVIRONMENT".
    const std::string environment =
        "env -i PATH=/usr/bin AdministrativeState=configured OperationalState=routable STATE=routable ";
    host_.must(environment + "IFACE=lo " + file);
    EXPECT_THAT(plan(), HasSubstr("+ vip"));
    host_.must(environment + "IFACE=eth0 " + file);
    EXPECT_EQ(plan(), "nothing to change\n");

    Process monitor = host_.spawn(CULVERT_REALSERVER " monitor -c /run/realserver.yaml");
    monitor.wait_for("ready");
    EXPECT_THAT(host_.run(environment + "IFACE=eth0 " + file).err, HasSubstr("monitors this host: nothing to do"));
    host_.must(environment + "IFACE=eth0 " + file);
}

TEST_F(RealserverRender, SysctlFileSetsWhatApplySets) {
    const std::string file = render("sysctl", by_mark);
    ASSERT_THAT(plan(), HasSubstr("~ sysctl net.ipv4.conf.all.arp_ignore"));
    host_.must("/lib/systemd/systemd-sysctl --strict " + file);
    EXPECT_THAT(plan(), Not(HasSubstr("sysctl")));

    host_.set_sysctl("net.ipv4.conf.all.arp_ignore", "0");
    host_.must("sysctl -p " + file);
    EXPECT_THAT(plan(), Not(HasSubstr("sysctl")));
}

TEST_F(RealserverRender, ModulesAreThereAndDevicesUnfilteredAtBoot) {
    for (const char* module : {"ipip", "sit", "ip_gre", "ip6_gre", "fou"}) REQUIRE_MODULE(module);
    host_.must("/lib/systemd/systemd-modules-load " + render("modules-load", by_tunnel));
    host_.must("/lib/systemd/systemd-sysctl --strict " + render("sysctl", by_tunnel));
    EXPECT_THAT(plan(), Not(HasSubstr("+ module")));
    EXPECT_EQ(host_.sysctl("net.ipv4.conf.all.rp_filter"), "0");
    EXPECT_EQ(host_.sysctl("net.ipv4.conf.tunl0.rp_filter"), "0");
    EXPECT_EQ(host_.sysctl("net.ipv4.conf.lo.rp_filter"), "1");
}

TEST_F(RealserverRender, UnitIsInOrderToSystemd) {
    const std::string file = render("systemd", by_tunnel);
    const Output verified = host_.run("systemd-analyze verify --man=no " + file);
    EXPECT_EQ(verified.out + verified.err, "");
    EXPECT_TRUE(verified.ok());
    const Output exposed = host_.run("systemd-analyze security --offline=yes --threshold=22 " + file);
    EXPECT_TRUE(exposed.ok()) << exposed;
}

TEST_F(RealserverRender, OneCapabilityIsEnough) {
    ASSERT_THAT(host_.read(render("systemd", by_mark)), HasSubstr("\nCapabilityBoundingSet=CAP_NET_ADMIN\n"));
    const Process monitor =
        host_.spawn("setpriv --bounding-set=-all,+net_admin --inh-caps=-all --no-new-privs " CULVERT_REALSERVER
                    " monitor -c /run/realserver.yaml");
    monitor.wait_for("ready");
    EXPECT_EQ(plan(), "nothing to change\n");
}

TEST_F(RealserverRender, XdpTakesTwoMore) {
    const std::string by_xdp = R"({balancers: [10.0.0.1], vips: [192.0.2.1], interfaces: [lo],
                                  receive: [{encap: gue, port: 5080, via: xdp}]})";
    ASSERT_THAT(host_.read(render("systemd", by_xdp)), HasSubstr("\nCapabilityBoundingSet=CAP_BPF CAP_PERFMON\n"));
    host_.must("setpriv --bounding-set=-all,+net_admin,+bpf,+perfmon --inh-caps=-all --no-new-privs " CULVERT_REALSERVER
               " apply -c /run/realserver.yaml");
    EXPECT_EQ(plan(), "nothing to change\n");
}

TEST_F(RealserverRender, UnitRunsInItsSandbox) {
    if (std::getenv("CULVERT_VM") == nullptr)
        GTEST_SKIP() << "needs a machine of its own (tests/vm/run): systemd changes settings of the whole machine";
    host_.write("/run/realserver.yaml", by_tunnel);
    host_.must("cp " + program(CULVERT_REALSERVER) + " /run/realserver");  // the unit can't see /tmp and /root
    host_.must("/run/realserver render systemd -c /run/realserver.yaml -o /run");
    host_.must("mkdir -p /run/systemd/system/realserver.service.d");
    host_.must("mv /run/etc/systemd/system/realserver.service /run/systemd/system");
    host_.write("/run/systemd/system/realserver.service.d/alone.conf", "[Unit]\nDefaultDependencies=no\n");

    const Process systemd = host_.spawn(R"(unshare --pid --fork --kill-child --mount-proc --cgroup sh -c '
        mount -t cgroup2 none /sys/fs/cgroup &&
        exec env container=test /lib/systemd/systemd --system --unit=realserver.service')");
    constexpr std::chrono::minutes slow_start{3};
    EXPECT_TRUE(eventually([&] { return plan() == "nothing to change\n"; }, slow_start));
    host_.ip("addr del 192.0.2.1/32 dev lo\n");
    host_.set_sysctl("net.ipv4.conf.tunl0.rp_filter", "1");
    host_.must("ip fou del port 5080");
    EXPECT_TRUE(eventually([&] { return plan() == "nothing to change\n"; }));
}

TEST_F(RealserverRender, FirewalldReadsItsPolicy) {
    const std::string file = render("firewalld", by_tunnel);
    const json rules = json::parse(host_.must(fmt::format(R"(/usr/bin/python3 -c '
import json, os.path
from firewall.core.io.policy import policy_reader
policy = policy_reader(os.path.basename("{0}"), os.path.dirname("{0}"))
print(json.dumps([str(rule) for rule in policy.rules] + [policy.target, policy.ingress_zones, policy.egress_zones]))')",
                                                          file)));
    json expected = json::array();
    const auto let_in = [&](const char* family, const std::string& what, const std::vector<std::string>& balancers) {
        for (const auto& balancer : balancers)
            expected.push_back(
                fmt::format(R"(rule family="{}" source address="{}" {} accept)", family, balancer, what));
    };
    for (const char* family : {"ipv4", "ipv6"}) {
        const auto balancers = family == std::string_view("ipv4") ? std::vector<std::string>{"10.0.0.1", "10.0.0.8/29"}
                                                                  : std::vector<std::string>{"fd00::/64"};
        let_in(family, R"(port port="5080" protocol="udp")", balancers);
        for (const int protocol : {4, 41, 47})
            let_in(family, fmt::format(R"(protocol value="{}")", protocol), balancers);
    }
    expected.insert(expected.end(), {"CONTINUE", {"ANY"}, {"HOST"}});
    EXPECT_EQ(rules, expected);
}

TEST_F(RealserverRender, TellsWhatItCanRender) {
    const Output output = host_.run(CULVERT_REALSERVER " render systemdd");
    EXPECT_EQ(output.status, 2);
    EXPECT_EQ(output.err, "realserver: unknown kind \"systemdd\": did you mean systemd?\n");
}

}  // namespace
}  // namespace culvert::netns
