// SPDX-License-Identifier: Apache-2.0
//
// Commands print JSON with exactly the keys that the reference lists.
#include "tests/json_keys.hpp"

#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "docs/reference/generator/page.hpp"
#include "lbd/explain/explain.hpp"
#include "lbd/frame/frame.hpp"
#include "lbd/plan/plan.hpp"
#include "lbd/show/json.hpp"
#include "lbd/watch/rates.hpp"
#include "realserver/check/check.hpp"
#include "realserver/command/output.hpp"
#include "realserver/guard/guard.hpp"
#include "realserver/show/status.hpp"
#include "realserver/show/traffic.hpp"
#include "realserver/trace/drop_text.hpp"
#include "realserver/trace/xdp_drops.hpp"

namespace culvert::reference {
namespace {

using Json = nlohmann::ordered_json;
using netlink::IpAddress;

const auto v4 = *IpAddress::parse("192.0.2.1");
const auto mac = *netlink::MacAddress::parse("02:00:00:00:00:30");

/// Compares the keys that one command may print with its table.
void expect_keys(const Page& page, const std::string& command, const std::vector<Json>& printed) {
    const auto table = std::ranges::find(page.tables, command, &Table::title);
    ASSERT_NE(table, page.tables.end()) << command;
    JsonKeys keys(*table);
    for (const Json& json : printed) EXPECT_THAT(keys.complaints_about(json), testing::IsEmpty()) << command;
    EXPECT_THAT(keys.not_seen(), testing::IsEmpty()) << command;
}

lbd::Status status() {
    using namespace lbd;
    netlink::Link link{};
    link.index = 2;
    link.name = "eth0";
    link.mac = mac;
    netlink::Link vlan = link;
    vlan.details = netlink::Vlan{.id = 20};
    const CheckStatus check{.condition = Condition::down, .address = v4, .reason = "refused"};
    const auto backend = [&](const Encap& encap) {
        return BackendStatus{.backend = {.name = "b", .address = v4, .encap = encap},
                             .hop = NextHop{.tags = {{.id = 20}}},
                             .interface = "eth0",
                             .path_mtu = PathMtuStatus{.router = v4, .told = 1400},
                             .ipv6_needs = 1300,
                             .check = check};
    };
    BackendStatus lost = backend(L2{});
    lost.hop = tl::unexpected(LB_DROP_NO_NEIGHBOUR);
    lost.unresolved = "ARP is off";
    Status status;
    status.services = {{.name = "s",
                        .vip = v4,
                        .ports = {{Protocol::udp, 53}},
                        .backends = {backend(Gue{}), backend(Geneve{}), backend(L3dsr{}), lost}}};
    status.neighbours = {{.interface = "eth0",
                          .neighbour = {.address = v4, .link = 2, .mac = mac},
                          .age = std::chrono::seconds(1),
                          .backends = {{v4, 1500}}}};
    status.interfaces = {{.name = "eth0", .mode = XdpMode::native, .link = link},
                         {.name = "eth0.20", .link = vlan, .vlan_of = "eth0"},
                         {.name = "eth1", .link = link, .member_of = "bond0"}};
    status.flow_table.configured_key = "5eedf00d";
    status.latency = Latency{.sum = 9, .counts = {1, 1}};
    status.cluster = {.name = "lb1", .last_stranger = "10.0.0.9: TLS"};
    status.cluster->peers = {{.address = v4,
                              .name = "lb2",
                              .version = "1",
                              .reason = "refused",
                              .round_trip = std::chrono::microseconds(5),
                              .first_ones = {{.service = "s", .key = "vip", .here = "a", .there = "b"}}}};
    return status;
}

TEST(ReferenceJson, OfShow) {
    const Page page = lbd_json();
    for (const auto& [name, view] : {std::pair{"services", lbd::View::services},
                                     {"backends", lbd::View::backends},
                                     {"flows", lbd::View::flows},
                                     {"neighbours", lbd::View::neighbours},
                                     {"interfaces", lbd::View::interfaces},
                                     {"counters", lbd::View::counters},
                                     {"cluster", lbd::View::cluster}})
        expect_keys(page, std::string("lbd show ") + name + " --json", {to_json(view, status())});
}

TEST(ReferenceJson, OfWatch) {
    lbd::Status later = status();
    later.drops[LB_DROP_TTL] = 5;
    const auto snapshot = [](double seconds, const lbd::Status& seen) {
        return lbd::Snapshot{.time = std::chrono::duration<double>(seconds),
                             .backends = to_json(lbd::View::backends, seen),
                             .counters = to_json(lbd::View::counters, seen)};
    };
    expect_keys(lbd_json(), "lbd watch --json", {lbd::rates(snapshot(0, status()), snapshot(1, later))});
}

TEST(ReferenceJson, OfExplain) {
    using namespace lbd;
    Config config;
    Hops hops;
    std::vector<Json> printed;
    const auto frame = encode({.source = *IpAddress::parse("198.51.100.9"),
                               .destination = v4,
                               .protocol = IPPROTO_TCP,
                               .source_port = 40000,
                               .destination_port = 80});
    for (const Encap& encap : {Encap(Gue{.port = 5080}), Encap(Geneve{}), Encap(L3dsr{.dscp = 2})}) {
        const auto address = *IpAddress::parse("10.0.0.3");
        hops[address] = NextHop{.ifindex = 2, .from = *IpAddress::parse("10.0.0.2"), .mtu = 1500};
        Service web{.name = "web", .vip = v4, .ports = {{Protocol::tcp, 80}}, .table_size = 101};
        web.backends.push_back({.name = "a", .address = address, .encap = encap});
        config.services = {web};
        const Image image = *plan(config.services, hops, {}, {});
        const std::uint32_t id = *image.ids.at("web").current("a");
        const lb_story story{.hash = 7,
                             .known = id,
                             .service = image.vips.at({web.vip, 6, 80}).dest_base,
                             .table_size = 101,
                             .slot = 5,
                             .chosen = id,
                             .former = 0};
        const Scene scene{config, image, {{2, "eth0"}}};
        const Excerpt cut{.captured = 20, .length = 200};
        for (const Fate& fate : {Fate{.verdict = XDP_TX, .frame = frame, .story = story},
                                 Fate{.verdict = XDP_TX, .frame = frame, .event = LB_EVENT_ECHO, .story = story},
                                 Fate{.verdict = XDP_DROP, .reason = LB_DROP_TTL, .story = story},
                                 Fate{.verdict = XDP_PASS, .story = story}})
            printed.push_back(Json::array({explain(frame, 2, fate, scene, cut)}));
    }
    printed.push_back(Json::array({unexplained(frame, 200, "eth0", "too short")}));
    expect_keys(lbd_json(), "lbd explain --json", printed);
}

TEST(ReferenceJson, OfPlan) {
    using namespace realserver;
    const Vip vip{*netlink::Prefix::parse("192.0.2.1")};
    Json json = to_json(std::vector<Change>{{vip, {}}, {{}, vip}});
    json["notes"] = {"note"};
    expect_keys(realserver_json(), "realserver plan --json", {json});
}

TEST(ReferenceJson, OfStatus) {
    using namespace realserver;
    StatusRow row{.key = {Kind::link, "lo"}, .wanted = "up", .found = "up"};
    count({.received = {{"gue", 1, 2}}, .dropped = {{"no_vip", 1}}, .let_pass = {{"source", 1}}}, row);
    Json json = to_json(std::vector{row});
    json["guard"] = guard_to_json(Guard::strict, {{"stranger", {}}});
    json["tunnels"] = to_json(std::vector<Room>{{.tunnel = "ipip"}});
    json["others"] = to_json(std::vector<OtherTunnel>{{.device = "ipip0", .what = "ipip", .instead_of = "tunl0"}});
    expect_keys(realserver_json(), "realserver status --json", {json});
}

TEST(ReferenceJson, OfCheck) {
    using namespace realserver;
    const Finding finding{.name = "vip_missing", .cause = "c", .evidence = {"e"}, .cure = {"c"}, .advice = "a"};
    expect_keys(realserver_json(), "realserver check --json",
                {to_json(Diagnosis{.findings = {finding}, .checked = 1, .not_judged = {{"w", "r"}}})});
}

TEST(ReferenceJson, OfTrace) {
    using namespace realserver;
    const Flow flow{.source = v4, .destination = v4, .protocol = IPPROTO_UDP, .source_port = 1, .destination_port = 2};
    const Drop drop{.reason = "OTHERHOST",
                    .function = "ip_rcv",
                    .device = "eth0",
                    .length = 60,
                    .packet = {.encap = "ipip", .outer = flow, .flow = flow}};
    expect_keys(realserver_json(), "realserver trace --json",
                {to_json(drop, Explanation{.cause = "c", .cure = "c"}, "12:00:00"),
                 to_json(XdpDrops{.device = "eth0", .reason = "no_vip", .packets = 3}, "12:00:00")});
}

}  // namespace
}  // namespace culvert::reference
