// SPDX-License-Identifier: Apache-2.0
#include "netlink/link.hpp"

#include <gmock/gmock.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_bonding.h>
#include <linux/if_link.h>

#include "tests/unit/netlink/recorded.hpp"
#include "tests/unit/netlink/values.hpp"

namespace culvert::netlink {
namespace {

Link link(std::string_view name) {
    const auto decoded = decode_link(recorded(name));
    return decoded ? *decoded : throw std::runtime_error("not decoded");
}

constexpr std::uint32_t running = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;
constexpr std::uint32_t ethernet = IFF_BROADCAST | IFF_MULTICAST;

TEST(LinkTest, Loopback) {
    const Link lo{.index = 1,
                  .name = "lo",
                  .hardware = ARPHRD_LOOPBACK,
                  .flags = IFF_LOOPBACK,
                  .mtu = 65536,
                  .mac = MacAddress{}};
    EXPECT_EQ(link("link-loopback"), lo);
    EXPECT_TRUE(lo.is_loopback());
    EXPECT_FALSE(lo.is_up());
    EXPECT_FALSE(lo.has_carrier());
}

TEST(LinkTest, VethWithAllItsNames) {
    const Link left = link("link-veth");
    const Link expected{.index = left.index,
                        .name = "left",
                        .kind = "veth",
                        .hardware = ARPHRD_ETHER,
                        .flags = running | ethernet,
                        .mtu = 1400,
                        .mac = mac("02:00:00:00:00:01"),
                        .lower = left.index - 1,
                        .alias = "made by hand",
                        .alternative_names = {"the-left-one-of-the-pair", "port-of-the-test"}};
    EXPECT_EQ(left, expected);
    EXPECT_TRUE(left.is_up());
    EXPECT_TRUE(left.has_carrier());
}

TEST(LinkTest, VethWhosePeerIsElsewhere) {
    EXPECT_EQ(link("link-veth-elsewhere").lower_netns, 0);
    EXPECT_NE(link("link-veth-elsewhere").lower, 0);
    EXPECT_EQ(link("link-veth").lower_netns, std::nullopt);
}

TEST(LinkTest, VlanOnItsParent) {
    const Link tagged = link("link-vlan");
    EXPECT_EQ(tagged.name, "left.42");
    EXPECT_EQ(tagged.kind, "vlan");
    EXPECT_EQ(tagged.lower, tagged.index - 1);
    EXPECT_EQ(std::get<Vlan>(tagged.details), (Vlan{.id = 42, .protocol = 0x88a8}));
}

TEST(LinkTest, BondAndItsMember) {
    const Link team = link("link-bond");
    EXPECT_EQ(team.kind, "bond");
    EXPECT_EQ(std::get<Bond>(team.details).mode, BOND_MODE_ACTIVEBACKUP);
    const Link member = link("link-bond-member");
    EXPECT_EQ(member.kind, "veth");
    EXPECT_EQ(member.master, team.index);
    EXPECT_EQ(team.master, 0);
}

TEST(LinkTest, XdpProgram) {
    const Link left = link("link-xdp");
    ASSERT_TRUE(left.xdp.has_value());
    EXPECT_EQ(left.xdp->mode, XDP_ATTACHED_SKB);
    EXPECT_GT(left.xdp->program, 0);
    EXPECT_EQ(link("link-veth").xdp, std::nullopt);
}

TEST(LinkTest, RemovedOneIsDecodedToo) { EXPECT_EQ(link("link-removed").name, "left"); }

TEST(LinkTest, MessageOfABridgeIsNotALink) { EXPECT_EQ(decode_link(recorded("link-bridge-port")), std::nullopt); }

TEST(LinkTest, Statistics) {
    EXPECT_EQ(decode_link_stats(recorded("link-loopback")), LinkStats{});
    EXPECT_EQ(decode_link_stats(recorded("link-loopback-busy")),
              (LinkStats{.rx_packets = 4, .rx_bytes = 336, .tx_packets = 4, .tx_bytes = 336}));
}

template <typename Details>
Details details(std::string_view name) {
    return std::get<Details>(std::get<TunnelDevice>(link(name).details));
}

TEST(TunnelTest, IpipInFou) {
    EXPECT_EQ(details<Tunnel>("link-ipip-fou"),
              (Tunnel{.kind = TunnelKind::ipip,
                      .local = ip("10.0.0.1"),
                      .remote = ip("10.0.0.2"),
                      .ttl = 64,
                      .encap = {.type = EncapType::fou, .destination_port = 5004, .checksum = true}}));
    EXPECT_EQ(link("link-ipip-fou").hardware, ARPHRD_TUNNEL);
    EXPECT_EQ(link("link-ipip-fou").mac, std::nullopt) << "an IPv4 address is no MAC";
}

TEST(TunnelTest, FallbackDevices) {
    EXPECT_EQ(details<Tunnel>("link-ipip-fallback").remote, std::nullopt);
    EXPECT_EQ(details<Tunnel>("link-ipip-fallback").local, std::nullopt);
    EXPECT_EQ(details<Tunnel>("link-ip6tnl-fallback"),
              (Tunnel{.kind = TunnelKind::ip6tnl, .encap_limit = 0, .inner = TunnelInner::any}));
}

TEST(TunnelTest, Sit) {
    EXPECT_EQ(details<Tunnel>("link-sit"),
              (Tunnel{.kind = TunnelKind::sit, .remote = ip("10.0.0.2"), .tos = 1, .path_mtu_discovery = false}));
}

TEST(TunnelTest, Ip6tnlInGue) {
    EXPECT_EQ(
        details<Tunnel>("link-ip6tnl-gue"),
        (Tunnel{.kind = TunnelKind::ip6tnl,
                .local = ip("fd00::1"),
                .remote = ip("fd00::2"),
                .ttl = 64,
                .inner = TunnelInner::any,
                .encap = {.type = EncapType::gue, .source_port = 33333, .destination_port = 6080, .checksum6 = true}}));
}

TEST(TunnelTest, GreWithKeys) {
    EXPECT_EQ(details<Tunnel>("link-gre-keys"), (Tunnel{.kind = TunnelKind::gre,
                                                        .local = ip("10.0.0.1"),
                                                        .remote = ip("10.0.0.2"),
                                                        .link = 1,
                                                        .input_key = 0x01020304,
                                                        .output_key = 5}));
}

TEST(TunnelTest, GretapInFou) {
    EXPECT_EQ(details<Tunnel>("link-gretap-fou"),
              (Tunnel{.kind = TunnelKind::gretap,
                      .local = ip("10.0.0.1"),
                      .remote = ip("10.0.0.2"),
                      .encap = {.type = EncapType::fou, .source_port = 33333, .destination_port = 55555}}));
    EXPECT_EQ(link("link-gretap-fou").mac, mac("02:00:00:00:00:01"));
}

TEST(TunnelTest, Ip6gre) {
    EXPECT_EQ(details<Tunnel>("link-ip6gre"), (Tunnel{.kind = TunnelKind::ip6gre,
                                                      .local = ip("fd00::1"),
                                                      .remote = ip("fd00::2"),
                                                      .ttl = 7,
                                                      .tos = 0x28,
                                                      .encap_limit = 3,
                                                      .encap = {.checksum6 = true}}));
}

TEST(TunnelTest, ExternalOne) {
    EXPECT_TRUE(details<Tunnel>("link-ip6gretap-external").external);
    EXPECT_FALSE(details<Tunnel>("link-ip6gre").external);
}

TEST(GeneveTest, WithARemote) {
    EXPECT_EQ(details<Geneve>("link-geneve"), (Geneve{.vni = 666,
                                                      .remote = ip("fd00::2"),
                                                      .port = 6082,
                                                      .ttl = 9,
                                                      .tos = 0x28,
                                                      .zero_checksum6_send = true,
                                                      .zero_checksum6_accept = true}));
}

TEST(GeneveTest, ExternalOneForPackets) {
    const auto geneve = details<Geneve>("link-geneve-external");
    EXPECT_TRUE(geneve.external);
    EXPECT_TRUE(geneve.inner_proto_inherit);
    EXPECT_EQ(geneve.port, 6081);
    EXPECT_EQ(geneve.remote, std::nullopt);
    EXPECT_EQ(link("link-geneve-external").hardware, ARPHRD_NONE);
}

/// decode_tunnel() reads what encode() writes.
class TunnelRoundTripTest : public testing::TestWithParam<TunnelKind> {};

TEST_P(TunnelRoundTripTest, KeepsEverything) {
    const bool v4 = outer_family(GetParam()) == Family::ipv4;
    const bool gre = name(GetParam()).find("gre") != std::string_view::npos;
    Tunnel tunnel{.kind = GetParam(),
                  .local = ip(v4 ? "10.0.0.1" : "fd00::1"),
                  .remote = ip(v4 ? "10.0.0.2" : "fd00::2"),
                  .link = 7,
                  .ttl = 33,
                  .tos = 0x28,
                  .external = true,
                  .encap = {.type = EncapType::gue,
                            .source_port = 1,
                            .destination_port = 65535,
                            .checksum = true,
                            .checksum6 = true,
                            .remote_checksum = true}};
    if (v4) tunnel.path_mtu_discovery = false;
    if (!v4) tunnel.encap_limit = 255;
    if (!gre) tunnel.inner = TunnelInner::ipv6;
    if (gre) tunnel.input_key = tunnel.output_key = UINT32_MAX;

    Message message(0, 0, nlattr{});
    encode(message, tunnel);
    EXPECT_EQ(decode_tunnel(GetParam(), parse<nlattr>(message.bytes())->attributes), tunnel);
}

INSTANTIATE_TEST_SUITE_P(Kinds, TunnelRoundTripTest,
                         testing::Values(TunnelKind::ipip, TunnelKind::sit, TunnelKind::ip6tnl, TunnelKind::gre,
                                         TunnelKind::gretap, TunnelKind::ip6gre, TunnelKind::ip6gretap),
                         [](const auto& kind) { return std::string(name(kind.param)); });

TEST(TunnelKindTest, NamesGoBothWays) {
    EXPECT_EQ(tunnel_kind("ip6gretap"), TunnelKind::ip6gretap);
    EXPECT_EQ(name(TunnelKind::ip6gretap), "ip6gretap");
    EXPECT_EQ(tunnel_kind("vxlan"), std::nullopt);
    EXPECT_EQ(tunnel_kind(""), std::nullopt);
}

}  // namespace
}  // namespace culvert::netlink
