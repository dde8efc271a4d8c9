// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "bench/command.hpp"
#include "bench/packet/measure.hpp"
#include "common/encap.hpp"

namespace culvert::bench {
namespace {

using lbd::Fou, lbd::Geneve, lbd::Gre, lbd::Gue, lbd::Ipip, lbd::L2, lbd::L3dsr;
using lbd::UdpChecksum;
using netlink::Family;

struct Section {
    std::string name;
    std::string about;
    std::vector<Workload> workloads;
    bool with_lru = false;
};

Section encapsulations() {
    constexpr auto v6 = Family::ipv6;
    constexpr std::uint32_t v6_frame = 74;  // Ethernet, IPv6, TCP
    return {"encapsulations",
            "one flow, 64-byte frames of TCP (74 over IPv6)",
            {{.name = "L2", .encap = L2{}},
             {.name = "L2, IPv6", .encap = L2{}, .inner = v6, .outer = v6, .frame = v6_frame},
             {.name = "L3DSR", .encap = L3dsr{2}},
             {.name = "L3DSR, IPv6", .encap = L3dsr{2}, .inner = v6, .outer = v6, .frame = v6_frame},
             {.name = "IPIP 4 in 4", .encap = Ipip{}},
             {.name = "IPIP 6 in 4", .encap = Ipip{}, .inner = v6, .frame = v6_frame},
             {.name = "IPIP 4 in 6", .encap = Ipip{}, .outer = v6},
             {.name = "IPIP 6 in 6", .encap = Ipip{}, .inner = v6, .outer = v6, .frame = v6_frame},
             {.name = "GRE over 4", .encap = Gre{}},
             {.name = "GRE over 6", .encap = Gre{}, .outer = v6},
             {.name = "FOU over 4", .encap = Fou{5004}},
             {.name = "FOU over 6, checksum", .encap = Fou{6004}, .outer = v6},
             {.name = "GRE in FOU over 4", .encap = Fou{.port = 5004, .gre = true}},
             {.name = "GUE over 4", .encap = Gue{5080}},
             {.name = "GUE variant 1 over 4", .encap = Gue{.port = 5080, .variant = 1}},
             {.name = "GRE in GUE over 4", .encap = Gue{.port = 5080, .gre = true}},
             {.name = "GUE over 4, checksum", .encap = Gue{5080, UdpChecksum::on}},
             {.name = "GUE over 6, checksum", .encap = Gue{6080}, .outer = v6},
             {.name = "Geneve over 4", .encap = Geneve{.vni = 666}},
             {.name = "Geneve over 6, checksum", .encap = Geneve{.vni = 666}, .outer = v6}}};
}

Section flows() {
    Section section{
        "flows", "IPIP 4 in 4, 64 bytes, known flows in scrambled order, 16 bytes of table a flow", {}, true};
    for (const std::uint32_t bits : {0, 10, 14, 17, 19, 20, 23, 24})
        section.workloads.push_back({.name = fmt::format("{}", 1U << bits), .flows = 1U << bits});
    return section;
}

Section sizes() {
    Section section{"sizes", "GUE over IPv6 with checksum, one flow", {}};
    for (const std::uint32_t frame : {64, 256, 512, 1024, 1414})
        section.workloads.push_back(
            {.name = fmt::format("{} bytes", frame), .encap = Gue{6080}, .outer = Family::ipv6, .frame = frame});
    return section;
}

Section services() {
    Section section{"services", "IPIP 4 in 4, 128 k flows over this many services of ten backends", {}};
    for (const std::uint32_t bits : {0, 7, 10, 13})
        section.workloads.push_back(
            {.name = fmt::format("{}", 1U << bits), .flows = 1U << 17, .services = 1U << bits, .backends = 10});
    return section;
}

Section backends() {
    Section section{"backends", "IPIP 4 in 4, 128 k flows over this many backends of one service", {}};
    for (const std::uint32_t backends : {1, 10, 100, 1000})
        section.workloads.push_back({.name = fmt::format("{}", backends), .flows = 1U << 17, .backends = backends});
    return section;
}

Section cases() {
    return {"cases",
            "IPIP 4 in 4, 64 bytes",
            {{.name = "known flow"},
             {.name = "known flow, UDP", .protocol = lbd::Protocol::udp},
             {.name = "524288 flows, UDP", .protocol = lbd::Protocol::udp, .flows = 1U << 19},
             {.name = "131072 flows, UDP, 4M", .protocol = lbd::Protocol::udp, .flows = 1U << 17, .entries = 1U << 22},
             {.name = "131072 flows, UDP, 4M whole",
              .protocol = lbd::Protocol::udp,
              .flows = 1U << 17,
              .entries = 1U << 22,
              .whole = true},
             {.name = "524288 flows, in transition", .flows = 1U << 19, .moving = true},
             {.name = "new flow, table full", .traffic = Traffic::fresh, .flows = 1U << 24},
             {.name = "SYN flood", .traffic = Traffic::syn, .flows = 1U << 24},
             {.name = "SYN flood, in transition", .traffic = Traffic::syn, .flows = 1U << 24, .moving = true},
             {.name = "no VIP: pass", .traffic = Traffic::other},
             {.name = "no VIP, one is a network", .traffic = Traffic::other, .network = true}},
            true};
}

Section switches() {
    return {"switches",
            "IPIP 4 in 4, one flow, 64 bytes",
            {{.name = "all on"},
             {.name = "all but latency", .switches = Switches::all_but_latency},
             {.name = "IPv4 and tunnels only", .switches = Switches::needed}}};
}

std::string cell(const std::optional<Figure>& figure) {
    return figure ? fmt::format("{:.0f}  ({:.0f} to {:.0f})", figure->median, figure->low, figure->high) : "";
}

std::string ratio(const Figure& ours, const std::optional<Figure>& other, bool inverse) {
    if (!other) return "";
    return fmt::format("{:.1f}", inverse ? other->median / ours.median : ours.median / other->median);
}

void print_head(const Section& section) {
    fmt::print("\n{}: {}\n", section.name, section.about);
    fmt::print("{:24} {:>20} {:>20} {:>9} {:>20} {:>9} {:>20} {:>9} {:>9}\n", "", "ours, ns", "floor, ns", "ours/fl.",
               section.with_lru ? "line, ns" : "", section.with_lru ? "ours/line" : "",
               section.with_lru ? "lru, ns" : "", section.with_lru ? "lru/ours" : "", "verified");
}

void print(const Row& row) {
    fmt::print("{:24} {:>20} {:>20} {:>9} {:>20} {:>9} {:>20} {:>9} {:>9}\n", row.workload.name, cell(row.ours),
               cell(row.floor), ratio(row.ours, row.floor, false), cell(row.line), ratio(row.ours, row.line, false),
               cell(row.lru), ratio(row.ours, row.lru, true), row.verified_instructions);
    std::fflush(stdout);
}

nlohmann::ordered_json to_json(const Figure& figure) {
    return {{"median", figure.median}, {"first_quartile", figure.low}, {"third_quartile", figure.high}};
}

nlohmann::ordered_json to_json(const Row& row) {
    nlohmann::ordered_json json{
        {"section", row.section},      {"name", row.workload.name},         {"frame_bytes", row.workload.frame},
        {"flows", row.workload.flows}, {"services", row.workload.services}, {"backends", row.workload.backends},
        {"ours_ns", to_json(row.ours)}};
    if (row.floor) json["floor_ns"] = to_json(*row.floor);
    if (row.line) json["line_ns"] = to_json(*row.line);
    if (row.lru) json["lru_ns"] = to_json(*row.lru);
    json["verified_instructions"] = row.verified_instructions;
    return json;
}

struct Selection {
    std::string section;  ///< empty: all
    std::string row;      ///< empty: all
    int rounds = 15;
};

nlohmann::ordered_json measure_all(const Selection& selection) {
    auto json = nlohmann::ordered_json::array();
    for (const auto& make : {encapsulations, flows, sizes, services, backends, cases, switches}) {
        const Section section = make();
        if (!selection.section.empty() && section.name != selection.section) continue;
        print_head(section);
        for (const Workload& workload : section.workloads) {
            if (!selection.row.empty() && workload.name != selection.row) continue;
            const Row row = measure(section.name, workload, section.with_lru, selection.rounds);
            print(row);
            json.push_back(to_json(row));
        }
    }
    return json;
}

}  // namespace
}  // namespace culvert::bench

int main(int argc, char** argv) {
    culvert::bench::Selection selection;
    CLI::App app(
        "Nanoseconds a packet, net of the harness, of the balancer and of three yardsticks: \"floor\" makes room and "
        "writes a constant header, \"line\" also reads a line of memory for each flow, \"lru\" is the balancer with an "
        "LRU hash for its flow table.",
        "bench_packet");
    app.add_option("--section", selection.section, "only this one");
    app.add_option("--row", selection.row, "only those of this name");
    app.add_option("--rounds", selection.rounds, "how often each is measured")->check(CLI::Range(1, 1000));
    return culvert::bench::run(app, argc, argv, [&] { return culvert::bench::measure_all(selection); });
}
