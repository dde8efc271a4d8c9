// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "realserver/config/reader.hpp"
#include "tests/unit/config_files.hpp"
#include "tests/unit/realserver/address.hpp"
#include "tests/unit/realserver/simulated_host.hpp"

namespace culvert::realserver {
namespace {

namespace yaml = common::yaml;
using common::EncapKind;
using config_files::printed;
using netlink::FouType;

class BadConfig : public testing::TestWithParam<std::string> {};

TEST_P(BadConfig, IsRefusedWithExactlyTheseErrors) {
    EXPECT_EQ(printed(yaml::load(GetParam(), read_config)), config_files::expected_errors(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(File, BadConfig, testing::ValuesIn(config_files::list("tests/unit/realserver/bad")),
                         config_files::stem);

TEST(BadConfigs, AreMany) { EXPECT_GE(config_files::list("tests/unit/realserver/bad").size(), 70U); }

TEST(ExampleConfigs, AreAccepted) {
    const auto files = config_files::list("examples", "realserver");
    ASSERT_FALSE(files.empty());
    for (const std::string& file : files) EXPECT_EQ(printed(yaml::load(file, read_config)), "accepted\n") << file;
}

const std::set both{Family::ipv4, Family::ipv6};
const std::set both_inner{Inner::ipv4, Inner::ipv6};

TEST(RealserverConfig, EveryKeyIsRead) {
    EXPECT_EQ(
        config(R"(
balancers: [10.0.0.1, "fd00::/64"]
vips: [192.0.2.1, 2001:db8::1, 198.51.100.0/28]
receive:
  - {encap: ipip}
  - {encap: gre, family: ipv6, inner: ipv4}
  - {encap: fou, port: 5004, inner: gre, local: 10.0.0.7, peer: 10.0.0.1, peer_port: 7, dev: eth0}
  - {encap: gue, port: 5080}
  - {encap: geneve, vni: 666, family: ipv6, inner: ipv4}
  - {encap: l3dsr, dscp: AF11, vip: 198.51.100.3/32}
  - {encap: l2}
guard: log
interfaces: [eth0, eth1]
tunnel_peers: [10.9.0.1]
mss: 1300
mtu: 1400
sysctl: {rp_filter: leave, arp: managed}
)"),
        (Config{
            .balancers = {prefix("10.0.0.1"), prefix("fd00::/64")},
            .vips = {prefix("192.0.2.1"), prefix("2001:db8::1"), prefix("198.51.100.0/28")},
            .receive = {TunnelEnd{.encap = EncapKind::ipip, .outer = both, .inner = both_inner},
                        TunnelEnd{.encap = EncapKind::gre, .outer = {Family::ipv6}, .inner = {Inner::ipv4}},
                        TunnelEnd{.encap = EncapKind::fou,
                                  .port = 5004,
                                  .outer = {Family::ipv4},
                                  .inner = {Inner::gre},
                                  .local = ip("10.0.0.7"),
                                  .peer = ip("10.0.0.1"),
                                  .peer_port = 7,
                                  .device = "eth0"},
                        TunnelEnd{
                            .encap = EncapKind::gue, .port = 5080, .outer = both, .inner = {Inner::ipv4, Inner::ipv6}},
                        TunnelEnd{.encap = EncapKind::geneve,
                                  .port = 6081,
                                  .vni = 666,
                                  .outer = {Family::ipv6},
                                  .inner = {Inner::ipv4}},
                        L3dsr{10, ip("198.51.100.3")}, L2{}},
            .guard = Guard::log,
            .interfaces = {"eth0", "eth1"},
            .tunnel_peers = {prefix("10.9.0.1")},
            .mss = {.automatic = false, .size = 1300},
            .mtu = 1400,
            .rp_filter = Policy::leave,
            .arp = Policy::managed}));
}

TEST(RealserverConfig, WhatIsLeftOutHasDefaults) {
    EXPECT_EQ(config("vips: [192.0.2.1]\nreceive: [{encap: l2}]"), (Config{.balancers = {},
                                                                           .vips = {prefix("192.0.2.1")},
                                                                           .receive = {L2{}},
                                                                           .guard = Guard::strict,
                                                                           .interfaces = {},
                                                                           .tunnel_peers = {},
                                                                           .mss = {.automatic = true, .size = {}},
                                                                           .mtu = {},
                                                                           .rp_filter = Policy::managed,
                                                                           .arp = Policy::managed}));
}

TEST(RealserverConfig, AFouPortCarriesTheOneFamilyOfTheVips) {
    const Config read = config("balancers: ['fd00::1']\nvips: ['2001:db8::1']\nreceive: [{encap: fou, port: 5004}]");
    EXPECT_EQ(read.receive,
              (std::vector<Receive>{
                  TunnelEnd{.encap = EncapKind::fou, .port = 5004, .outer = {Family::ipv6}, .inner = {Inner::ipv6}}}));
}

TEST(RealserverConfig, ExplicitTunnels) {
    const Config read = config(R"(
vips: [192.0.2.1]
tunnels:
  - {name: my-gre, type: gretap, local: 10.0.0.2, remote: 10.0.0.1, ttl: 9, key: 7, encap: {type: fou, sport: 55555, dport: 33333}}
  - {name: lb4, type: ip6tnl, local: "fd00::2", remote: "fd00::1", encap: {type: fou, sport: auto, dport: 5004}}
  - {name: lb6, type: sit, local: 10.0.0.2, remote: 10.0.0.1}
)");
    using namespace netlink;
    EXPECT_EQ(
        read.tunnels,
        (std::vector<PointToPoint>{
            {"my-gre",
             {.kind = TunnelKind::gretap,
              .local = ip("10.0.0.2"),
              .remote = ip("10.0.0.1"),
              .ttl = 9,
              .input_key = 7,
              .output_key = 7,
              .encap = {.type = EncapType::fou, .source_port = 55555, .destination_port = 33333}}},
            {"lb4",
             {.kind = TunnelKind::ip6tnl,
              .local = ip("fd00::2"),
              .remote = ip("fd00::1"),
              .inner = TunnelInner::ipv4,
              .encap = {.type = EncapType::fou, .destination_port = 5004, .checksum6 = true}}},
            {"lb6",
             {.kind = TunnelKind::sit, .local = ip("10.0.0.2"), .remote = ip("10.0.0.1"), .inner = TunnelInner::ipv6}},
        }));
}

TEST(RealserverConfig, OneGuePortMayBeSaidTwice) {
    const Config read = config(
        "balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: gue, port: 1}, {encap: gue, port: 1, inner: "
        "gre}]");
    EXPECT_EQ(read.receive.size(), 2U);
}

TEST(RealserverConfig, OneFouPortMayCarryDifferentThingsOverIPv4AndIPv6) {
    const Config read = config(R"(
balancers: [10.0.0.1, "fd00::1"]
vips: [192.0.2.1, 2001:db8::1]
receive:
  - {encap: fou, port: 5004, inner: ipv4, family: ipv4}
  - {encap: fou, port: 5004, inner: ipv6, family: ipv6}
)");
    EXPECT_EQ(read.receive.size(), 2U);
}

}  // namespace
}  // namespace culvert::realserver
