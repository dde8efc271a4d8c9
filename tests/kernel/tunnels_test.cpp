// SPDX-License-Identifier: Apache-2.0
#include "netlink/ip6tnl.hpp"
#include "netlink/tunnel.hpp"
#include "tests/kernel/kernel_test.hpp"

namespace culvert::netlink {
namespace {

using TunnelsTest = KernelTest;

/// All parameters differ from their defaults.
Tunnel elaborate(TunnelKind kind) {
    const bool v4 = outer_family(kind) == Family::ipv4;
    Tunnel tunnel{.kind = kind,
                  .local = ip(v4 ? "10.0.0.1" : "fd00::1"),
                  .remote = ip(v4 ? "10.0.0.2" : "fd00::2"),
                  .link = 1,
                  .ttl = 33,
                  .tos = 0x28};
    if (!v4) tunnel.encap_limit = 7;
    if (kind == TunnelKind::ipip || kind == TunnelKind::ip6tnl) tunnel.inner = TunnelInner::ipv4;
    if (kind == TunnelKind::sit) tunnel.inner = TunnelInner::ipv6;
    if (is_gre(kind)) {
        tunnel.input_key = 0x01020304;
        tunnel.output_key = 5;
    }
    return tunnel;
}

class EveryTunnelTest : public KernelTest, public testing::WithParamInterface<TunnelKind> {};

TEST_P(EveryTunnelTest, ComesBackAsItWasGiven) {
    ASSERT_OR_SKIP_WITHOUT_MODULE(
        links().create({.name = "tun", .kind = elaborate(GetParam()), .mtu = 1400, .up = true}));
    const auto made = links().get("tun");
    ASSERT_TRUE(succeeded(made));
    EXPECT_EQ(made->kind, name(GetParam()));
    EXPECT_EQ(std::get<Tunnel>(std::get<TunnelDevice>(made->details)), elaborate(GetParam()));
    EXPECT_EQ(made->mtu, 1400);
    EXPECT_TRUE(made->is_up());

    const auto witness = iproute2("link show dev tun").at(0).at("linkinfo");
    EXPECT_EQ(witness.at("info_kind"), name(GetParam()));
    const auto data = witness.at("info_data");
    EXPECT_EQ(data.at("local"), elaborate(GetParam()).local->to_string());
    EXPECT_EQ(data.at("remote"), elaborate(GetParam()).remote->to_string());
    EXPECT_EQ(data.at("ttl"), 33) << data;
    if (is_gre(GetParam())) {
        EXPECT_EQ(data.at("ikey"), "1.2.3.4");
        EXPECT_EQ(data.at("okey"), "0.0.0.5");
    }
    if (outer_family(GetParam()) == Family::ipv6) {
        EXPECT_EQ(data.at("encap_limit"), 7) << data;
        EXPECT_EQ(data.at("tclass"), "0x28") << data;
    } else {
        EXPECT_EQ(data.at("tos"), "0x28") << data;
    }
    EXPECT_TRUE(succeeded(links().remove("tun")));
}

TEST_P(EveryTunnelTest, PlainOneHasNoOptions) {
    const bool v4 = outer_family(GetParam()) == Family::ipv4;
    const Tunnel plain{.kind = GetParam(), .remote = ip(v4 ? "10.0.0.2" : "fd00::2"), .tos = 1};
    ASSERT_OR_SKIP_WITHOUT_MODULE(links().create({.name = "tun", .kind = plain}));
    EXPECT_EQ(std::get<Tunnel>(std::get<TunnelDevice>(links().get("tun")->details)), plain);
    if (!v4) {
        const auto data = iproute2("link show dev tun").at(0).at("linkinfo").at("info_data");
        EXPECT_EQ(data.at("ip6_tnl_f_ign_encap_limit"), true) << data;
        EXPECT_EQ(data.at("ip6_tnl_f_use_orig_tclass"), true) << data;
    }
}

TEST_P(EveryTunnelTest, TakesFouAndGue) {
    const bool v4 = outer_family(GetParam()) == Family::ipv4;
    if (std::system(v4 ? "modprobe -q fou" : "modprobe -q fou6") != 0)
        GTEST_SKIP() << "module " << (v4 ? "fou" : "fou6") << " is missing from this kernel";
    for (const EncapType type : {EncapType::fou, EncapType::gue}) {
        Tunnel tunnel{.kind = GetParam(),
                      .local = ip(v4 ? "10.0.0.1" : "fd00::1"),
                      .remote = ip(v4 ? "10.0.0.2" : "fd00::2"),
                      .encap = {.type = type,
                                .source_port = 33333,
                                .destination_port = 55555,
                                .checksum = v4,
                                .checksum6 = !v4,
                                .remote_checksum = type == EncapType::gue}};
        ASSERT_OR_SKIP_WITHOUT_MODULE(links().create({.name = "tun", .kind = tunnel}));
        EXPECT_EQ(std::get<Tunnel>(std::get<TunnelDevice>(links().get("tun")->details)), tunnel);
        const auto encap = iproute2("link show dev tun").at(0).at("linkinfo").at("info_data").at("encap");
        EXPECT_EQ(encap.at("type"), type == EncapType::fou ? "fou" : "gue");
        EXPECT_EQ(encap.at("sport"), 33333);
        EXPECT_EQ(encap.at("dport"), 55555);
        EXPECT_EQ(encap.at("csum"), v4);
        EXPECT_EQ(encap.at("csum6"), !v4);

        tunnel.encap = {};
        tunnel.ttl = 5;
        ASSERT_TRUE(succeeded(links().change("tun", {.tunnel = tunnel})));
        EXPECT_EQ(std::get<Tunnel>(std::get<TunnelDevice>(links().get("tun")->details)), tunnel);
        ASSERT_TRUE(succeeded(links().remove("tun")));
    }
}

TEST_P(EveryTunnelTest, AddressesOfTheWrongFamilyAreRefused) {
    const bool v4 = outer_family(GetParam()) == Family::ipv4;
    const Tunnel crossed{.kind = GetParam(), .remote = ip(v4 ? "fd00::1" : "10.0.0.1")};
    const auto made = links().create({.name = "tun", .kind = crossed});
    EXPECT_EQ(made.error().code, EAFNOSUPPORT);
    EXPECT_THAT(made.error().cure, testing::EndsWith(v4 ? "tunnel are ipv4" : "tunnel are ipv6"));
}

std::string name_of(const testing::TestParamInfo<TunnelKind>& kind) { return std::string(name(kind.param)); }

INSTANTIATE_TEST_SUITE_P(Kinds, EveryTunnelTest,
                         testing::Values(TunnelKind::ipip, TunnelKind::sit, TunnelKind::ip6tnl, TunnelKind::gre,
                                         TunnelKind::gretap, TunnelKind::ip6gre, TunnelKind::ip6gretap),
                         name_of);

/// All kinds except sit, which has no external mode.
class ExternalTunnelTest : public EveryTunnelTest {};

TEST_P(ExternalTunnelTest, TakesNoAddresses) {
    const Tunnel external{.kind = GetParam(), .external = true};
    ASSERT_OR_SKIP_WITHOUT_MODULE(links().create({.name = "tun", .kind = external, .up = true}));
    EXPECT_TRUE(std::get<Tunnel>(std::get<TunnelDevice>(links().get("tun")->details)).external);
    EXPECT_EQ(iproute2("link show dev tun").at(0).at("linkinfo").at("info_data").at("external"), true);
}

INSTANTIATE_TEST_SUITE_P(Kinds, ExternalTunnelTest,
                         testing::Values(TunnelKind::ipip, TunnelKind::ip6tnl, TunnelKind::gre, TunnelKind::gretap,
                                         TunnelKind::ip6gre, TunnelKind::ip6gretap),
                         name_of);

TEST_F(TunnelsTest, PathMtuDiscoveryCanBeOff) {
    const Tunnel tunnel{.remote = ip("10.0.0.2"), .path_mtu_discovery = false};
    ASSERT_OR_SKIP_WITHOUT_MODULE(links().create({.name = "tun", .kind = tunnel}));
    EXPECT_EQ(std::get<Tunnel>(std::get<TunnelDevice>(links().get("tun")->details)), tunnel);
    EXPECT_EQ(iproute2("link show dev tun").at(0).at("linkinfo").at("info_data").at("pmtudisc"), false);
}

TEST_F(TunnelsTest, Ip6tnlFallbackDeviceTakesModeAny) {
    if (std::system("modprobe -q ip6_tunnel") != 0)
        GTEST_SKIP() << "module ip6_tunnel is missing from this kernel: modprobe ip6_tunnel";
    const auto fallback = links().get("ip6tnl0");
    if (!fallback) GTEST_SKIP() << fallback.error().message() << " (net.core.fb_tunnels_only_for_init_net?)";
    EXPECT_EQ(std::get<Tunnel>(std::get<TunnelDevice>(fallback->details)).inner, TunnelInner::ipv6);
    ASSERT_TRUE(succeeded(set_ip6tnl_mode("ip6tnl0", TunnelInner::any)));
    EXPECT_EQ(std::get<Tunnel>(std::get<TunnelDevice>(links().get("ip6tnl0")->details)).inner, TunnelInner::any);
    // Beside a device that has no ends either.
    const Tunnel other{.kind = TunnelKind::ip6tnl, .external = true, .inner = TunnelInner::ipv4};
    ASSERT_TRUE(succeeded(links().create({.name = "other", .kind = other})));
    ASSERT_TRUE(succeeded(set_ip6tnl_mode("ip6tnl0", TunnelInner::ipv6)));
    EXPECT_EQ(std::get<Tunnel>(std::get<TunnelDevice>(links().get("ip6tnl0")->details)).inner, TunnelInner::ipv6);
    EXPECT_EQ(std::get<Tunnel>(std::get<TunnelDevice>(links().get("other")->details)).inner, TunnelInner::ipv4);
    ASSERT_TRUE(succeeded(set_ip6tnl_mode("ip6tnl0", TunnelInner::any)));
    EXPECT_EQ(std::get<Tunnel>(std::get<TunnelDevice>(links().get("ip6tnl0")->details)).inner, TunnelInner::any);
}

TEST_F(TunnelsTest, ModeOfADeviceThatIsNotThere) {
    EXPECT_EQ(set_ip6tnl_mode("ip6tnl9", TunnelInner::any).error().message(),
              "set mode of ip6tnl ip6tnl9: No such device");
    EXPECT_EQ(set_ip6tnl_mode("a-name-that-is-too-long", TunnelInner::any).error().code, ENODEV);
}

TEST_F(TunnelsTest, GeneveComesBackAsItWasGiven) {
    for (const char* remote : {"10.0.0.2", "fd00::2"}) {
        const bool v4 = ip(remote).is_v4();
        const Geneve wanted{.vni = 666,
                            .remote = ip(remote),
                            .port = 6082,
                            .ttl = 9,
                            .tos = 0x28,
                            .checksum = v4,
                            .zero_checksum6_send = !v4,
                            .zero_checksum6_accept = true};
        ASSERT_OR_SKIP_WITHOUT_MODULE(
            links().create({.name = "gnv", .kind = wanted, .mac = mac("02:00:00:00:06:66"), .up = true}));
        const auto made = links().get("gnv");
        ASSERT_TRUE(succeeded(made));
        EXPECT_EQ(std::get<Geneve>(std::get<TunnelDevice>(made->details)), wanted);
        EXPECT_EQ(made->mac, mac("02:00:00:00:06:66"));
        const auto data = iproute2("link show dev gnv").at(0).at("linkinfo").at("info_data");
        EXPECT_EQ(data.at("id"), 666);
        EXPECT_EQ(data.at("port"), 6082);
        ASSERT_TRUE(succeeded(links().remove("gnv")));
    }
}

TEST_F(TunnelsTest, ExternalGeneveCarriesFramesOrPackets) {
    for (const bool packets : {false, true}) {
        const Geneve wanted{.external = true, .inner_proto_inherit = packets, .zero_checksum6_accept = true};
        ASSERT_OR_SKIP_WITHOUT_MODULE(links().create({.name = "gnv", .kind = wanted, .up = true}));
        const auto made = links().get("gnv");
        EXPECT_EQ(std::get<Geneve>(std::get<TunnelDevice>(made->details)), wanted);
        EXPECT_EQ(made->mac.has_value(), !packets);
        ASSERT_TRUE(succeeded(links().remove("gnv")));
    }
}

TEST_F(TunnelsTest, UnknownKindNamesItsModule) {
    const auto made = links().create({.name = "gnv", .kind = Geneve{.external = true}});
    if (made) GTEST_SKIP() << "this kernel has module geneve";
    EXPECT_EQ(made.error().message(),
              "create geneve link gnv: Operation not supported: Unknown device type (module geneve is not loaded: "
              "modprobe geneve)");
}

}  // namespace
}  // namespace culvert::netlink
