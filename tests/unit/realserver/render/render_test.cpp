// SPDX-License-Identifier: Apache-2.0
#include "realserver/render/render.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "tests/unit/realserver/simulated_host.hpp"

namespace culvert::realserver {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const Installation here{.program = "/usr/sbin/realserver", .config = "/etc/culvert/realserver.yaml"};

Config ipip() {
    return {.balancers = {*Prefix::parse("10.0.0.1"), *Prefix::parse("10.0.0.8/29")},
            .vips = {*Prefix::parse("192.0.2.1")},
            .receive = {TunnelEnd{.outer = {Family::ipv4}, .inner = {Inner::ipv4}}}};
}

std::string rendered(std::string_view kind, const Config& config) {
    return render(*std::ranges::find(renderings, kind, &Rendering::kind), config, here);
}

TEST(Render, SysctlFileToleratesDevicesThatAreYetToCome) {
    EXPECT_THAT(rendered("sysctl", ipip()), HasSubstr("\nnet.ipv4.conf.all.arp_announce = 2\n"
                                                      "net.ipv4.conf.all.arp_ignore = 1\n"
                                                      "net.ipv4.conf.all.rp_filter = 0\n"
                                                      "-net.ipv4.conf.tunl0.rp_filter = 0\n"));
}

TEST(Render, SysctlFileLeavesWhatIsSomebodyElses) {
    Config config = ipip();
    config.rp_filter = Policy::leave;
    EXPECT_THAT(rendered("sysctl", config), AllOf(HasSubstr("arp_ignore"), Not(HasSubstr("rp_filter"))));
}

TEST(Render, ModulesAreLoadedAtBootAndBeforeTheUnit) {
    EXPECT_THAT(rendered("modules-load", ipip()), HasSubstr("\nipip\n"));
    EXPECT_THAT(rendered("systemd", ipip()),
                AllOf(HasSubstr("\nWants=modprobe@ipip.service\nAfter=modprobe@ipip.service\n"),
                      HasSubstr("\nExecStart=/usr/sbin/realserver monitor -c /etc/culvert/realserver.yaml\n")));
}

TEST(Render, UnitMayUseBpfOnlyWhereXdpMayUnwrap) {
    Config config = ipip();
    EXPECT_THAT(rendered("systemd", config), AllOf(HasSubstr("CAP_BPF"), HasSubstr("\nSystemCallFilter=bpf\n")));
    std::get<TunnelEnd>(config.receive.front()).via = Via::kernel;
    EXPECT_THAT(rendered("systemd", config), Not(HasSubstr("BPF")));
}

TEST(Render, HookPassesOverDevicesThatApplyItselfBringsUp) {
    EXPECT_THAT(
        rendered("networkd-dispatcher", ipip()),
        AllOf(HasSubstr("    lo | tunl0) exit 0"),
              HasSubstr("\nexec /usr/sbin/realserver apply --unless-monitored -c /etc/culvert/realserver.yaml\n")));
}

TEST(Render, FirewalldLetsEachBalancerIn) {
    const std::string policy = rendered("firewalld", ipip());
    for (const char* balancer : {"10.0.0.1", "10.0.0.8/29"})
        EXPECT_THAT(policy, HasSubstr(std::string(R"(  <rule family="ipv4">
    <source address=")") + balancer + R"("/>
    <protocol value="4"/>
    <accept/>
  </rule>
)"));
}

TEST(Render, FirewalldLetsExplicitTunnelsInFromTheirOtherEnds) {
    const std::string policy = rendered("firewalld", config(R"(
vips: [192.0.2.1]
tunnels:
  - {name: lb1, type: gre, local: 10.0.0.2, remote: 10.0.0.1}
  - {name: lb2, type: ip6gretap, local: "fd00::2", remote: "fd00::1", encap: {type: gue, sport: 5080, dport: 5081}}
)"));
    EXPECT_THAT(policy, HasSubstr(R"(address="10.0.0.1"/>
    <protocol value="47"/>)"));
    EXPECT_THAT(policy, HasSubstr(R"(address="fd00::1"/>
    <port port="5080" protocol="udp"/>)"));
}

TEST(Render, NothingIsLeftOfTheTemplates) {
    for (const Rendering& rendering : renderings)
        EXPECT_THAT(render(rendering, ipip(), here), AllOf(Not(HasSubstr("{{")), Not(HasSubstr("}}"))));
}

}  // namespace
}  // namespace culvert::realserver
