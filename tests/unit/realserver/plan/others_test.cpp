// SPDX-License-Identifier: Apache-2.0
#include "realserver/plan/others.hpp"

#include <gmock/gmock.h>

#include "realserver/desired/decide.hpp"
#include "realserver/plan/plan.hpp"
#include "tests/unit/realserver/address.hpp"
#include "tests/unit/realserver/simulated_host.hpp"

namespace culvert::realserver {
namespace {

using netlink::Tunnel;
using netlink::TunnelKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view backend = R"(
balancers: [10.0.0.0/24, 'fd00::1']
vips: [192.0.2.1, '2001:db8::1']
receive: [{encap: ipip}, {encap: gre, family: ipv4}]
)";

class Others : public testing::Test {
  protected:
    Others() {
        for (const auto& [name, kind] : {std::pair("tunl0", TunnelKind::ipip), std::pair("sit0", TunnelKind::sit),
                                         std::pair("gre0", TunnelKind::gre), std::pair("ip6tnl0", TunnelKind::ip6tnl)})
            add(name, {.kind = kind});
        for (const char* module : {"ipip", "sit", "ip_gre", "ip6_tunnel"}) put(observed_.state, Module{module});
        put(observed_.state, Link{"lo", true});
        observed_.around.addresses = {ip("10.9.0.3"), ip("fd00::3")};
    }

    void add(const std::string& name, const Tunnel& tunnel, bool up = true) {
        put(observed_.state, Device{.name = name, .parameters = tunnel, .mac = {}});
        put(observed_.state, Link{name, up});
    }

    [[nodiscard]] std::vector<OtherTunnel> seen(std::string_view more = "") const {
        return other_tunnels(desired(std::string(backend) + std::string(more)), observed_, {});
    }
    /// The device whose packets the only added device diverts; "" if none is reported.
    [[nodiscard]] std::string takes(const Tunnel& tunnel, bool up = true) {
        add("other", tunnel, up);
        const auto others = seen();
        return others.empty() ? "" : others.front().instead_of;
    }

    Observed observed_;
};

TEST_F(Others, TheKernelsOwnAreNone) { EXPECT_THAT(seen(), IsEmpty()); }

TEST_F(Others, TakeWhatTheKernelGivesThemFirst) {
    EXPECT_EQ(takes({.kind = TunnelKind::ipip, .external = true}), "tunl0");
    EXPECT_EQ(takes({.kind = TunnelKind::ipip, .external = true}, false), "");
    EXPECT_EQ(takes({.kind = TunnelKind::ipip, .local = ip("10.9.0.3")}), "tunl0");
    EXPECT_EQ(takes({.kind = TunnelKind::ipip, .local = ip("10.9.0.4")}), "") << "not this host's";
    EXPECT_EQ(takes({.kind = TunnelKind::ipip, .link = 2}), "tunl0") << "without addresses, but bound to a device";
    EXPECT_EQ(takes({.kind = TunnelKind::sit, .remote = ip("10.0.0.7")}), "sit0") << "a balancer's";
    EXPECT_EQ(takes({.kind = TunnelKind::gre, .local = ip("10.9.0.3"), .input_key = 7}), "") << "balancers send no key";
    EXPECT_EQ(takes({.kind = TunnelKind::gretap, .external = true}), "") << "it takes Ethernet only";
    EXPECT_EQ(takes({.kind = TunnelKind::ip6gre, .external = true}), "") << "nothing of this kind is received";
}

TEST_F(Others, OfIpsecTakeThemAndDropThem) {
    EXPECT_EQ(takes({.kind = TunnelKind::vti, .local = ip("10.9.0.3"), .input_key = 7}), "tunl0");
    EXPECT_EQ(takes({.kind = TunnelKind::vti, .local = ip("10.9.0.3")}, false), "");
    EXPECT_EQ(takes({.kind = TunnelKind::vti, .local = ip("10.9.0.3"), .remote = ip("10.7.0.1")}), "");
    EXPECT_EQ(takes({.kind = TunnelKind::vti6, .local = ip("fd00::3"), .remote = ip("fd00::1")}), "ip6tnl0");
    add("other", {.kind = TunnelKind::vti});
    ASSERT_EQ(seen().size(), 1U);
    EXPECT_EQ(seen().front().to_string(),
              "other (vti) receives the packets meant for tunl0, and drops them, as they did not arrive by IPsec");
    EXPECT_TRUE(seen().front().is_kernels_own);
}

TEST_F(Others, OfEthernetInGre) {
    constexpr std::string_view over_ipv6 = "balancers: ['fd00::1']\nvips: [192.0.2.1]\nreceive: [{encap: gre}]\n";
    add("ip6gre0", {.kind = TunnelKind::ip6gre});
    put(observed_.state, Module{"ip6_gre"});
    add("tap", {.kind = TunnelKind::ip6gretap, .external = true});
    EXPECT_EQ(other_tunnels(desired(over_ipv6), observed_, {}), std::vector<OtherTunnel>{})
        << "on 6.12, packets without an Ethernet frame still come out of ip6gre0";
    EXPECT_EQ(takes({.kind = TunnelKind::erspan, .external = true}), "") << "it takes ERSPAN only";
    EXPECT_EQ(takes({.kind = TunnelKind::erspan, .local = ip("10.9.0.3"), .remote = ip("10.0.0.7")}), "");
}

TEST_F(Others, OfIpv6HideTheKernelsOwnAlsoWhenTheyAreDown) {
    EXPECT_EQ(takes({.kind = TunnelKind::ip6tnl, .external = true}, false), "ip6tnl0");
    EXPECT_EQ(takes({.kind = TunnelKind::ip6tnl, .remote = ip("fd00::1")}, false), "");
}

TEST_F(Others, WhoseEndIsNotListedAreNamedWhereTheGuardDropsTheirPackets) {
    add("their", {.kind = TunnelKind::gretap, .local = ip("10.9.0.3"), .remote = ip("10.9.0.9")});
    ASSERT_EQ(seen().size(), 1U);
    EXPECT_FALSE(seen().front().listed);
    EXPECT_EQ(seen().front().to_string(),
              "their (gretap, local 10.9.0.3, remote 10.9.0.9): the guard drops packets from it, as 10.9.0.9 is not in "
              "tunnel_peers");
    EXPECT_THAT(seen("tunnel_peers: [10.9.0.0/24]"), IsEmpty());
    add("their", {.kind = TunnelKind::erspan, .local = ip("10.9.0.3"), .remote = ip("10.9.0.9")});
    EXPECT_EQ(seen().size(), 1U);
    add("their", {.kind = TunnelKind::gretap, .local = ip("10.9.0.3"), .remote = ip("10.9.0.9")});
    EXPECT_THAT(seen("guard: log"), IsEmpty());
}

TEST_F(Others, TakeNothingWhereXdpDecapsulatesButTheGuardDropsTheirPackets) {
    const Desired by_xdp =
        desired("balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: gre, via: xdp}]\ninterfaces: [eth0]\n");
    add("md", {.kind = TunnelKind::gre, .external = true});
    EXPECT_THAT(other_tunnels(by_xdp, observed_, {}), IsEmpty());
    add("their", {.kind = TunnelKind::gre, .local = ip("10.9.0.3"), .remote = ip("10.9.0.9")});
    const auto others = other_tunnels(by_xdp, observed_, {});
    ASSERT_EQ(others.size(), 1U);
    EXPECT_EQ(others.front().instead_of, "");
    EXPECT_FALSE(others.front().listed);
}

TEST_F(Others, AreNamedByPlanWithTheirReversePathFilter) {
    add("ipip0", {.kind = TunnelKind::ipip, .external = true});
    put(observed_.state, Sysctl{netlink::SysctlKey::rp_filter("ipip0"), 1});
    EXPECT_THAT(plan_of(config(backend), observed_, {}).notes,
                ElementsAre("ipip0 (ipip, external) receives the packets meant for tunl0, and its rp_filter "
                            "(1) drops those of IPv4; the guard checks them there, too"));
}

TEST_F(Others, ThatSomebodyHasMovedToAnotherNetworkNamespaceStillTakeThisHostsPackets) {
    observed_.around.split_tunnels = {
        {.device = "other", .parameters = {.kind = TunnelKind::ipip, .external = true}, .up = true, .netns = 7}};
    ASSERT_EQ(seen().size(), 1U);
    EXPECT_EQ(seen().front().instead_of, "tunl0");
    EXPECT_EQ(seen().front().to_string(),
              "other (ipip, external, in network namespace 7) receives the packets meant for tunl0");
    observed_.around.split_tunnels.front().up = false;
    EXPECT_THAT(seen(), IsEmpty());
}

TEST_F(Others, WhoseOuterPacketsAreElsewhereTakeNone) {
    observed_.around.split_tunnels = {
        {.device = "other", .parameters = {.kind = TunnelKind::ipip, .external = true}, .up = true}};
    EXPECT_EQ(seen().front().to_string(),
              "other (ipip, external, its outer packets in another network namespace): the guard drops packets from "
              "it, as its other end is not in tunnel_peers");
    observed_.around.split_tunnels.front().parameters = {.kind = TunnelKind::ipip, .remote = ip("10.7.0.1")};
    EXPECT_FALSE(seen().front().listed);
    const auto listed = decide(config(std::string(backend) + "tunnel_peers: [10.7.0.0/24]"), observed_.around);
    EXPECT_THAT(other_tunnels(listed, observed_, {}), IsEmpty());
    EXPECT_THAT(seen("guard: off"), IsEmpty());
}

TEST_F(Others, ARenamedDeviceOfTheKernelsIsKnownAgain) {
    observed_.state.erase({Kind::link, "tunl0"});
    observed_.state.erase({Kind::device, "tunl0"});
    add("cilium_tunl", {.kind = TunnelKind::ipip});
    const Plan planned = plan_of(config(backend), observed_, {});
    ASSERT_EQ(planned.conflicts.size(), 1U);
    EXPECT_THAT(planned.conflicts.front().message(), HasSubstr("cilium_tunl is that device, under another name"));
    EXPECT_EQ(planned.conflicts.front().cure, "ip link set cilium_tunl down && ip link set cilium_tunl name tunl0");
}

}  // namespace
}  // namespace culvert::realserver
