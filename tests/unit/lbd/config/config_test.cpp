// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/encap.hpp"
#include "lbd/config/file/read.hpp"
#include "lbd/config/file/source.hpp"
#include "tests/unit/config_files.hpp"

namespace culvert::lbd {
namespace {

using config_files::printed;

class BadConfig : public testing::TestWithParam<std::string> {};

TEST_P(BadConfig, IsRefusedWithExactlyTheseErrors) {
    EXPECT_EQ(printed(FileSource(GetParam()).read()), config_files::expected_errors(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(File, BadConfig, testing::ValuesIn(config_files::list("tests/unit/lbd/bad")),
                         config_files::stem);

TEST(BadConfigs, AreMany) { EXPECT_GE(config_files::list("tests/unit/lbd/bad").size(), 100U); }

TEST(ExampleConfigs, AreAccepted) {
    const auto files = config_files::list("examples", "lbd");
    ASSERT_FALSE(files.empty());
    for (const std::string& file : files) EXPECT_EQ(printed(FileSource(file).read()), "accepted\n") << file;
}

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

Backend backend(std::string_view address, Encap encap) { return {std::string(address), ip(address), encap}; }

constexpr PortSpec tcp(std::uint16_t port) { return {Protocol::tcp, port}; }
constexpr PortSpec udp(std::uint16_t port) { return {Protocol::udp, port}; }

/// The configuration in `text`; fails the test if it is refused.
Config accepted(std::string_view text) {
    const auto result = read_config("test.yaml", std::string(text));
    EXPECT_EQ(printed(result), "accepted\n");
    return result ? result->config : Config{};
}

Service only_service(std::string_view text) {
    const Config config = accepted(text);
    EXPECT_EQ(config.services.size(), 1U);
    return config.services.empty() ? Service{} : config.services.front();
}

TEST(LbdConfig, WhatIsLeftOutHasDefaults) {
    const Config config = accepted("{interfaces: [eth0], services: []}");
    EXPECT_EQ(config, (Config{.interfaces = {"eth0"}}));
    EXPECT_EQ(config.flows.entries, 4U << 20);
    EXPECT_EQ(config.flows.idle, std::chrono::seconds(120));
    EXPECT_EQ(config.xdp, XdpMode::automatic);
    EXPECT_EQ(config.metrics->to_string(), "127.0.0.1:9477");
}

TEST(LbdConfig, MetricsAreServedAtAnyAddressOrNotAtAll) {
    EXPECT_EQ(accepted("{interfaces: [eth0], metrics: \"[2001:db8::1]:80\", services: []}").metrics->to_string(),
              "[2001:db8::1]:80");
    EXPECT_EQ(accepted("{interfaces: [eth0], metrics: off, services: []}").metrics, std::nullopt);
}

TEST(LbdConfig, EveryKeyIsRead) {
    const Config config = accepted(R"(
interfaces: [eth0, bond0.7]
xdp: native
flows: {entries: 64k, idle: 2m}
latency: false
metrics: 192.0.2.200:9000
cluster: {key_file: /etc/culvert/cluster.key, address: 10.0.0.2, port: 9000, peers: [10.0.0.3, "fd00::4"], join_timeout: 2m}
announce: {table: main, protocol: 115, hold: 500ms, when: all, metric: 50}
defaults: {encap: {type: gue, port: 5080}, scheduler: maglev, table: 1009}
services:
  - name: dns
    vip: 192.0.2.1
    ports: [53/udp, 53/tcp]
    backends:
      - {address: 10.0.2.30, weight: 10}
      - {address: "fd00::7", name: seven, encap: {type: fou, port: 6004, checksum: off}, state: drain}
  - name: rest
    vip: 2001:db8::1/128
    ports: any
    scheduler: maglev
    table: 65537
    announce: {metric: 200}
    encap: {type: l3dsr, dscp: 0x3f}
    backends: [{address: "fd00::8"}]
)");
    const Service dns{.name = "dns",
                      .vip = ip("192.0.2.1"),
                      .ports = {udp(53), tcp(53)},
                      .table_size = 1009,
                      .announce = {.metric = 50},
                      .backends = {{"10.0.2.30", ip("10.0.2.30"), Gue{5080}, 10},
                                   {"seven", ip("fd00::7"), Fou{6004, UdpChecksum::off}, 1, BackendState::drain}}};
    const Service rest{.name = "rest",
                       .vip = ip("2001:db8::1"),
                       .ports = {tcp(0), udp(0), {Protocol::sctp, 0}},
                       .table_size = 65537,
                       .announce = {.metric = 200},
                       .backends = {backend("fd00::8", L3dsr{63})}};
    EXPECT_EQ(config, (Config{.interfaces = {"eth0", "bond0.7"},
                              .xdp = XdpMode::native,
                              .flows = {64U << 10, std::chrono::minutes(2)},
                              .latency = false,
                              .metrics = Endpoint{ip("192.0.2.200"), 9000},
                              .cluster = {.key_file = "/etc/culvert/cluster.key",
                                          .key = {},
                                          .address = ip("10.0.0.2"),
                                          .port = 9000,
                                          .peers = {ip("10.0.0.3"), ip("fd00::4")},
                                          .join_timeout = std::chrono::minutes(2)},
                              .announce = Announce{.table = Announce::main_table,
                                                   .protocol = 115,
                                                   .hold = std::chrono::milliseconds(500),
                                                   .when = AnnounceWhen::all},
                              .services = {dns, rest}}));
}

TEST(LbdConfig, EveryEncapsulationIsRead) {
    const Service service = only_service(R"(
interfaces: [eth0]
services:
  - name: all
    vip: 192.0.2.1
    ports: [80/tcp]
    backends:
      - {address: 10.0.0.1, encap: {type: l2}}
      - {address: 10.0.0.2, encap: {type: ipip}}
      - {address: 10.0.0.3, encap: {type: gre}}
      - {address: 10.0.0.4, encap: {type: fou, port: 5004}}
      - {address: 10.0.0.5, encap: {type: gue, port: "5080", checksum: on}}
      - {address: 10.0.0.6, encap: {type: l3dsr, dscp: 2}}
      - {address: 10.0.0.7, encap: {type: fou, port: 5004, inner: gre}}
      - {address: 10.0.0.8, encap: {type: gue, port: 5080, inner: gre}}
      - {address: 10.0.0.9, encap: {type: gue, port: 5080, variant: 1, checksum: off}}
      - {address: 10.0.0.10, encap: {type: geneve, vni: 666}}
)");
    EXPECT_EQ(service.backends,
              (std::vector{backend("10.0.0.1", L2{}), backend("10.0.0.2", Ipip{}), backend("10.0.0.3", Gre{}),
                           backend("10.0.0.4", Fou{5004}), backend("10.0.0.5", Gue{5080, UdpChecksum::on}),
                           backend("10.0.0.6", L3dsr{2}), backend("10.0.0.7", Fou{5004, UdpChecksum::automatic, true}),
                           backend("10.0.0.8", Gue{5080, UdpChecksum::automatic, true}),
                           backend("10.0.0.9", Gue{5080, UdpChecksum::off, false, 1}),
                           backend("10.0.0.10", Geneve{666, 6081, UdpChecksum::automatic, common::geneve_mac})}));
}

TEST(LbdConfig, AVipMayBeANetworkAndAServiceRangesOfPorts) {
    const Service service = only_service(R"(
interfaces: [eth0]
services:
  - name: wide
    vip: 198.51.100.0/28
    ports: [80/tcp, 8000-8099/tcp, any/udp, 9899/sctp]
    sticky: true
    track: all
    idle: 90m
    encap: {type: ipip}
    backends: [{address: 10.0.0.1}]
)");
    EXPECT_EQ(service.vip, Vip(*netlink::Prefix::parse("198.51.100.0/28")));
    EXPECT_EQ(service.ports,
              (std::vector<PortSpec>{tcp(80), {Protocol::tcp, 8000, 8099}, udp(0), {Protocol::sctp, 9899}}));
    EXPECT_TRUE(service.sticky);
    EXPECT_EQ(service.track, Track::all);
    EXPECT_EQ(service.idle, std::chrono::minutes(90));
}

TEST(LbdConfig, TheNearestEncapsulationCounts) {
    const Service service = only_service(R"(
interfaces: [eth0]
defaults: {encap: {type: gre}}
services:
  - name: web
    vip: 192.0.2.1
    ports: [80/tcp]
    encap: {type: ipip}
    backends: [{address: 10.0.0.1}, {address: 10.0.0.2, encap: {type: l2}}]
)");
    EXPECT_EQ(service.backends, (std::vector{backend("10.0.0.1", Ipip{}), backend("10.0.0.2", L2{})}));
}

TEST(LbdConfig, APoolTakesTheEncapsulationOfEachOfItsServices) {
    const Config config = accepted(R"(
interfaces: [eth0]
pools:
  web: [{address: 10.0.0.1}, {address: 10.0.0.2, encap: {type: l2}}]
services:
  - {name: a, vip: 192.0.2.1, ports: [80/tcp], encap: {type: ipip}, pool: web}
  - {name: b, vip: 192.0.2.2, ports: [80/tcp], encap: {type: gre}, pool: web}
)");
    ASSERT_EQ(config.services.size(), 2U);
    EXPECT_EQ(config.services[0].backends, (std::vector{backend("10.0.0.1", Ipip{}), backend("10.0.0.2", L2{})}));
    EXPECT_EQ(config.services[1].backends, (std::vector{backend("10.0.0.1", Gre{}), backend("10.0.0.2", L2{})}));
}

/// Two services with one backend, for conflicts between them.
std::string two_services(std::string_view vip_a, std::string_view a, std::string_view vip_b, std::string_view b) {
    std::string text = "interfaces: [eth0]\nservices:\n";
    for (const auto& [name, vip, rest] : {std::tuple("a", vip_a, a), std::tuple("b", vip_b, b)})
        text += std::string("  - {name: ") + name + ", vip: \"" + std::string(vip) + "\", " + std::string(rest) +
                ", backends: [{address: 10.0.0.1}]}\n";
    return text;
}

TEST(LbdConfig, AHealthCheckIsTheServicesOrTheDefault) {
    const Config config = accepted(R"(
interfaces: [eth0]
defaults:
  encap: {type: ipip}
  health: {type: tcp, interval: 500ms}
services:
  - {name: a, vip: 192.0.2.1, ports: [80/tcp], backends: [{address: 10.0.0.1}, {address: 10.0.0.2, state: sorry}]}
  - name: b
    vip: 192.0.2.2
    ports: [80/tcp]
    health: {type: tcp, interval: 5s, timeout: 3s, rise: 4, fall: 5, port: 8080, on_failure: keep, minimum: 2, slow_start: 30s}
    backends: [{address: 10.0.0.1}]
)");
    using namespace std::chrono_literals;
    EXPECT_EQ(config.services[0].health, (HealthCheck{.interval = 500ms, .timeout = 500ms}));
    EXPECT_EQ(config.services[0].backends[1].state, BackendState::sorry);
    EXPECT_EQ(config.services[1].health, (HealthCheck{.kind = TcpCheck{},
                                                      .port = 8080,
                                                      .interval = 5s,
                                                      .timeout = 3s,
                                                      .rise = 4,
                                                      .fall = 5,
                                                      .on_failure = OnFailure::keep,
                                                      .minimum = 2,
                                                      .slow_start = 30s}));
}

CheckKind check(std::string_view text) {
    const Service service = only_service(fmt::format(
        "interfaces: [eth0]\nservices:\n  - {{name: a, vip: 192.0.2.1, ports: [80/tcp], encap: {{type: ipip}}, "
        "backends: [{{address: 10.0.0.1}}], health: {{{}}}}}\n",
        text));
    return service.health.value_or(HealthCheck{}).kind;
}

TEST(LbdConfig, EveryKindOfHealthCheckIsRead) {
    EXPECT_EQ(check("type: syn"), CheckKind(SynCheck{}));
    EXPECT_EQ(check("type: icmp"), CheckKind(IcmpCheck{}));
    EXPECT_EQ(check("type: http"), CheckKind(HttpCheck{}));
    EXPECT_EQ(check("type: https, host: www.example, path: /a, status: [200-299, 401], match: ok, verify: true"),
              CheckKind(HttpCheck{.tls = true,
                                  .verify = true,
                                  .host = "www.example",
                                  .path = "/a",
                                  .status = {{200, 299}, {401, 401}},
                                  .match = "ok"}));
    EXPECT_EQ(check("type: dns, name: a.example"), CheckKind(DnsCheck{.name = "a.example"}));
    EXPECT_EQ(check("type: dns, name: a.example, record: AAAA, transport: tcp"),
              CheckKind(DnsCheck{.name = "a.example", .record = 28, .tcp = true}));
    EXPECT_EQ(check("type: script, command: [/bin/check, --fast]"), CheckKind(ScriptCheck{{"/bin/check", "--fast"}}));
}

TEST(LbdConfig, ServicesMayShareAVip) {
    const auto* const ipip = "encap: {type: ipip}, ports: ";
    EXPECT_EQ(
        accepted(two_services("192.0.2.1", ipip + std::string("[53/tcp]"), "192.0.2.1", ipip + std::string("[53/udp]")))
            .services.size(),
        2U);
    EXPECT_EQ(
        accepted(two_services("192.0.2.1", ipip + std::string("any"), "192.0.2.1", ipip + std::string("[53/udp]")))
            .services.size(),
        2U)
        << "a service for one port has priority over one for all ports";
}

TEST(LbdConfig, ServicesMayShareAMarkOrAPortThatMeansTheSame) {
    accepted(two_services("192.0.2.1", "ports: [80/tcp], encap: {type: l3dsr, dscp: 2}",  //
                          "192.0.2.1", "ports: [81/tcp], encap: {type: l3dsr, dscp: 2}"));
    accepted(two_services("192.0.2.1", "ports: [80/tcp], encap: {type: fou, port: 5004}",  //
                          "192.0.2.2", "ports: [80/tcp], encap: {type: fou, port: 5004}"));
    accepted(two_services("192.0.2.1", "ports: [80/tcp], encap: {type: gue, port: 5080}",  //
                          "2001:db8::1", "ports: [80/tcp], encap: {type: gue, port: 5080}"));
}

TEST(LbdConfig, ATableNeedsAHundredEntriesForEachBackend) {
    std::string backends;
    for (int i = 0; i < 656; ++i)
        backends += "{address: 10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256) + "}, ";
    const auto result = read_config("test.yaml",
                                    "interfaces: [eth0]\nservices:\n  - {name: web, vip: 192.0.2.1, ports: "
                                    "any, encap: {type: ipip}, backends: [" +
                                        backends + "]}\n");
    EXPECT_EQ(printed(result),
              "test.yaml:3:12: a table of 65537 is too small for 656 backends, which need 100 entries each for even "
              "shares: write table: 65609\n");
}

}  // namespace
}  // namespace culvert::lbd
