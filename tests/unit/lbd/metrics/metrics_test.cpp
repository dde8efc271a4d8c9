// SPDX-License-Identifier: Apache-2.0
#include "lbd/metrics/metrics.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <initializer_list>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "lbd/model/reasons.hpp"

namespace culvert::lbd {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

Status status() {
    Status status;
    status.services = {
        {.name = "dns",
         .vip = *IpAddress::parse("192.0.2.1"),
         .ports = {{Protocol::udp, 53}, {Protocol::tcp, 0}},
         .backends = {{.backend = {.name = "ns1"},
                       .share = 0.75,
                       .hop = NextHop{},
                       .traffic = {.packets = 7,
                                   .bytes = 12'345'678'901,
                                   .new_flows = 3,
                                   .flows = {.live = 2, .closing = 1, .entries = 3}}},
                      {.backend = {.name = "ns2", .state = BackendState::drain},
                       .share = 0,
                       .hop = tl::unexpected(LB_DROP_NO_NEIGHBOUR),
                       .check = CheckStatus{.condition = Condition::down,
                                            .counts = {.answered = 4, .failed = 3, .changes = 1, .spent = 2'500us}}}}}};
    status.interfaces = {{.name = "eth0", .mode = XdpMode::generic}};
    status.announcements = {
        .configured = Announce{},
        .vips = {{.vip = *IpAddress::parse("192.0.2.1"), .state = AnnounceState::up, .announced = true},
                 {.vip = *IpAddress::parse("2001:db8::1"), .state = AnnounceState::down},
                 {.vip = *IpAddress::parse("192.0.2.2"), .state = AnnounceState::excluded}}};
    status.flow_table.entries = 64;
    status.flow_table.part = 32;
    status.drops[LB_DROP_TTL] = 5;
    status.events[LB_EVENT_EVICTED] = 9;
    status.latency = {.sum = 400, .counts = {0, 0, 0, 0, 0, 0, 3, 1}};
    status.latency->counts.back() = 1;
    status.reloads = {.done = 4, .failed = 1, .last_done = false};
    return status;
}

/// All pieces of the text.
std::string text_of(const Status& status, Detail detail = Detail::backends) {
    Exposition exposition(status, detail);
    std::string text;
    for (std::string piece = exposition.next(); !piece.empty(); piece = exposition.next()) text += piece;
    return text;
}

/// The output of a command that reads `input`, preceded by the exit status if that is not zero.
std::string run(const std::string& command, const std::string& input = {}) {
    const std::string file = testing::TempDir() + "metrics_test.txt";
    std::ofstream(file) << input;
    FILE* pipe = ::popen((command + " <" + file + " 2>&1").c_str(), "r");
    std::string output;
    std::array<char, 4096> buffer;
    while (const std::size_t length = std::fread(buffer.data(), 1, buffer.size(), pipe))
        output.append(buffer.data(), length);
    const int result = ::pclose(pipe);
    std::remove(file.c_str());
    return result == 0 ? output : "status " + std::to_string(result) + ": " + output;
}

void expect_lines(const std::string& text, std::initializer_list<const char*> lines) {
    for (const char* line : lines) EXPECT_THAT(text, HasSubstr(std::string("\n") + line + '\n'));
}

TEST(Metrics, OfABackend) {
    const std::string text = text_of(status());
    expect_lines(text, {
                           R"(lbd_backend_packets_total{service="dns",backend="ns1"} 7)",
                           R"(lbd_backend_bytes_total{service="dns",backend="ns1"} 12345678901)",
                           R"(lbd_backend_new_flows_total{service="dns",backend="ns1"} 3)",
                           R"(lbd_backend_flows{service="dns",backend="ns1",state="live"} 2)",
                           R"(lbd_backend_flows{service="dns",backend="ns1",state="closing"} 1)",
                           R"(lbd_backend_reachable{service="dns",backend="ns1"} 1)",
                           R"(lbd_backend_reachable{service="dns",backend="ns2"} 0)",
                           R"(lbd_backend_draining{service="dns",backend="ns1"} 0)",
                           R"(lbd_backend_draining{service="dns",backend="ns2"} 1)",
                           R"(lbd_backend_share_ratio{service="dns",backend="ns1"} 0.75)",
                       });
}

TEST(Metrics, OfOtherBalancers) {
    EXPECT_THAT(text_of(status()), Not(HasSubstr("lbd_peer_up{"))) << "without peers";
    Status two = status();
    two.cluster = ClusterStatus{.peers = {{.address = *IpAddress::parse("10.0.0.2"),
                                           .state = PeerStatus::State::up,
                                           .round_trip = 250us,
                                           .records_in = 7,
                                           .records_out = 9,
                                           .connections = 2,
                                           .lag = 1'500ms,
                                           .disagreements = 3},
                                          {.address = *IpAddress::parse("fd00::3")}},
                                .joined = true,
                                .strangers = 4};
    expect_lines(text_of(two), {
                                   R"(lbd_cluster_joined 1)",
                                   R"(lbd_cluster_refused_connections_total 4)",
                                   R"(lbd_peer_up{peer="10.0.0.2"} 1)",
                                   R"(lbd_peer_up{peer="fd00::3"} 0)",
                                   R"(lbd_peer_connections_total{peer="10.0.0.2"} 2)",
                                   R"(lbd_peer_round_trip_seconds{peer="10.0.0.2"} 0.00025)",
                                   R"(lbd_peer_records_total{peer="10.0.0.2",direction="in"} 7)",
                                   R"(lbd_peer_records_total{peer="10.0.0.2",direction="out"} 9)",
                                   R"(lbd_peer_lag_seconds{peer="10.0.0.2"} 1.5)",
                                   R"(lbd_peer_disagreements{peer="10.0.0.2"} 3)",
                               });
}

TEST(Metrics, OfABackendThatIsChecked) {
    const std::string text = text_of(status());
    expect_lines(text, {
                           R"(lbd_backend_up{service="dns",backend="ns2"} 0)",
                           R"(lbd_backend_check_duration_seconds_count{service="dns",backend="ns2"} 4)",
                           R"(lbd_backend_check_duration_seconds_sum{service="dns",backend="ns2"} 0.0025)",
                           R"(lbd_backend_check_failures_total{service="dns",backend="ns2"} 3)",
                           R"(lbd_backend_health_changes_total{service="dns",backend="ns2"} 1)",
                       });
    EXPECT_THAT(text, Not(HasSubstr(R"(lbd_backend_up{service="dns",backend="ns1"})")));
}

TEST(Metrics, OfAServiceAreSums) {
    Status two = status();
    two.services[0].backends[1].traffic = {.packets = 2, .bytes = 99, .new_flows = 1, .flows = {.live = 1}};
    two.services[0].backends.push_back(two.services[0].backends[1]);
    two.services[0].backends[2].check->condition = Condition::up;
    const std::string text = text_of(two, Detail::services);
    expect_lines(text, {
                           R"(lbd_service_backends{service="dns"} 3)",
                           R"(lbd_backend_packets_total{service="dns"} 11)",
                           R"(lbd_backend_bytes_total{service="dns"} 12345679099)",
                           R"(lbd_backend_new_flows_total{service="dns"} 5)",
                           R"(lbd_backend_flows{service="dns",state="live"} 4)",
                           R"(lbd_backend_flows{service="dns",state="closing"} 1)",
                           R"(lbd_backend_reachable{service="dns"} 1)",
                           R"(lbd_backend_draining{service="dns"} 2)",
                           R"(lbd_backend_up{service="dns"} 1)",
                           R"(lbd_backend_check_duration_seconds_count{service="dns"} 8)",
                           R"(lbd_backend_check_duration_seconds_sum{service="dns"} 0.005)",
                           R"(lbd_backend_check_failures_total{service="dns"} 6)",
                           R"(lbd_backend_health_changes_total{service="dns"} 2)",
                           R"(lbd_flow_table_part_entries 32)",
                           R"(lbd_flow_table_entries 64)",
                       });
    EXPECT_THAT(text, Not(HasSubstr("backend=")));
    EXPECT_THAT(text, Not(HasSubstr("share")));
}

TEST(Metrics, OfManyServicesComeInSmallPiecesUnderOneHeading) {
    Status many;
    for (int i = 0; i < 1'000; ++i)
        many.services.push_back({.name = std::to_string(i), .backends = {{.backend = {.name = "b"}}}});
    many.services.back().backends[0].check = CheckStatus{.condition = Condition::up};
    Exposition exposition(many, Detail::backends);
    std::string text;
    for (std::string piece = exposition.next(); !piece.empty(); piece = exposition.next()) {
        EXPECT_LT(piece.size(), 40'000U);
        text += piece;
    }
    const auto count = [&](const std::string& what) {
        std::size_t found = 0;
        for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
        return found;
    };
    EXPECT_EQ(count("# TYPE lbd_backend_packets_total counter\n"), 1U);
    EXPECT_EQ(count("\nlbd_backend_packets_total{"), 1'000U);
    EXPECT_EQ(count("\nlbd_backend_up{"), 1U);
    EXPECT_EQ(count("# HELP"), count("# TYPE"));
}

TEST(Metrics, OfTheBalancer) {
    const std::string text = text_of(status());
    expect_lines(text, {
                           R"(lbd_service_info{service="dns",vip="192.0.2.1",ports="53/udp any/tcp"} 1)",
                           R"(lbd_dropped_packets_total{reason="ttl"} 5)",
                           R"(lbd_dropped_packets_total{reason="no_route"} 0)",
                           R"(lbd_events_total{event="evicted"} 9)",
                           R"(lbd_config_reloads_total{result="done"} 4)",
                           R"(lbd_config_reloads_total{result="failed"} 1)",
                           R"(lbd_config_last_reload_successful 0)",
                           R"(lbd_packet_latency_seconds_count 5)",
                           R"(lbd_packet_latency_seconds_sum 4e-07)",
                           R"(lbd_packet_latency_seconds_bucket{le="3.2e-08"} 0)",
                           R"(lbd_packet_latency_seconds_bucket{le="6.4e-08"} 3)",
                           R"(lbd_packet_latency_seconds_bucket{le="1.28e-07"} 4)",
                           R"(lbd_packet_latency_seconds_bucket{le="+Inf"} 5)",
                           R"(lbd_flow_table_used_entries 3)",
                           R"(lbd_flow_table_part_entries 32)",
                           R"(lbd_flow_table_entries 64)",
                           R"(lbd_interface_up{interface="eth0",xdp="generic"} 0)",
                           R"(lbd_announced{vip="192.0.2.1"} 1)",
                           R"(lbd_announced{vip="2001:db8::1"} 0)",
                           R"(lbd_left 0)",
                       });
    EXPECT_THAT(text, HasSubstr("lbd_build_info{version=\""));
}

/// The label names of a metric family in an exposition, without the bounds of a histogram.
std::string labels_of(std::string_view name, const std::string& text) {
    std::smatch sample, label;
    if (!std::regex_search(text, sample, std::regex(fmt::format(R"(\n{}(_bucket|_count)?\{{([^}}]*)\}})", name))))
        return "";
    std::string names, rest = sample[2];
    for (; std::regex_search(rest, label, std::regex(R"((\w+)="[^"]*")")); rest = label.suffix())
        if (label[1] != "le") names += (names.empty() ? "" : ", ") + label[1].str();
    return names;
}

TEST(Metrics, TableSaysWhatIsServed) {
    Status all = status();
    all.services[0].backends[0].path_mtu = PathMtuStatus{};
    all.cluster = ClusterStatus{.peers = {{.round_trip = 1us}}};
    const std::string text = text_of(all), of_services = text_of(all, Detail::services);
    for (const MetricInfo& metric : metric_table()) {
        const std::string type = fmt::format("\n# TYPE {} {}\n", metric.name, metric.type);
        EXPECT_THAT('\n' + text, HasSubstr(type));
        EXPECT_THAT('\n' + text, HasSubstr(fmt::format("\n# HELP {} {}\n", metric.name, metric.help)));
        EXPECT_EQ(labels_of(metric.name, '\n' + text), metric.labels) << metric.name;
        EXPECT_EQ(of_services.find(type.substr(1)) != std::string::npos, metric.of_service) << metric.name;
    }
}

TEST(Metrics, PromtoolFindsNothing) {
    if (run("promtool --version").starts_with("status")) GTEST_SKIP() << "promtool is missing: apt install prometheus";
    EXPECT_EQ(run("promtool check metrics", text_of(status())), "");
    EXPECT_EQ(run("promtool check metrics", text_of(status(), Detail::services)), "");
    EXPECT_THAT(run("promtool check rules packaging/prometheus/lbd.rules.yaml"), HasSubstr("SUCCESS"));
    EXPECT_THAT(run("promtool test rules tests/unit/lbd/metrics/alerts.yaml"), HasSubstr("SUCCESS"));
}

/// Every metric name in the file, and every value of the label.
std::set<std::string> named(const char* path, const std::string& pattern) {
    std::ifstream file(path);
    EXPECT_TRUE(file) << path;
    std::stringstream stream;
    stream << file.rdbuf();
    const std::string text = stream.str();
    const std::regex expression(pattern);
    std::set<std::string> names;
    for (std::sregex_iterator match(text.begin(), text.end(), expression), end; match != end; ++match)
        names.insert((*match)[1]);
    return names;
}

constexpr std::array used_by{"packaging/prometheus/lbd.rules.yaml", "packaging/grafana/lbd.json"};

TEST(Metrics, DashboardAndAlertsUseOnlyThoseThatExist) {
    std::set<std::string> known;
    const std::string text = text_of({});
    const std::regex heading(R"(# TYPE (\w+) (\w+))");
    for (std::sregex_iterator match(text.begin(), text.end(), heading), end; match != end; ++match) {
        known.insert((*match)[1]);
        if ((*match)[2] == "summary") known.insert({(*match)[1].str() + "_sum", (*match)[1].str() + "_count"});
    }
    for (const char* path : used_by) {
        const auto names = named(path, R"(\b(lbd_[a-z_]+))");
        EXPECT_GE(names.size(), 5U) << path;
        for (const std::string& name : names) EXPECT_TRUE(known.contains(name)) << path << ": " << name;
    }
}

TEST(Metrics, AlertsNameOnlyEventsThatExist) {
    for (const std::string& name : named(used_by[0], R"x(event="(\w+)")x"))
        EXPECT_TRUE(std::ranges::any_of(events, [&](const Reason& event) { return event.name == name; })) << name;
}

}  // namespace
}  // namespace culvert::lbd
