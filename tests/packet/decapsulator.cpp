// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/decapsulator.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "decap.skel.h"
#include "netlink/address.hpp"
#include "tests/packet/maps.hpp"

namespace culvert::packet {
namespace {

using netlink::Family;

constexpr std::array decap_reason_names{
#define DECAP_REASON(identifier, name, text) name,
    DECAP_REASONS(DECAP_REASON)
#undef DECAP_REASON
};

decap_address mapped(const netlink::IpAddress& address) {
    decap_address result{};
    if (address.is_v4()) result.word_be[2] = htonl(0xffff);
    std::memcpy(&result.word_be[address.is_v4() ? 3 : 0], address.bytes().data(), address.bytes().size());
    return result;
}
decap_address mapped(const char* address) { return mapped(netlink::IpAddress::parse(address).value()); }

void add_prefix(const bpf_map* map, const char* text) {
    const auto prefix = netlink::Prefix::parse(text).value();
    const std::uint32_t length = prefix.length + (prefix.address.is_v4() ? 96U : 0U);
    update(map, decap_prefix{length, mapped(prefix.address)}, std::uint32_t{0});
}

Packet outer_ip(const Tunnel& tunnel, std::uint8_t protocol, std::uint8_t tos) {
    if (tunnel.outer == Family::ipv4)
        return IPv4{.source = "10.0.0.1", .destination = "10.0.2.30", .tos = tos, .protocol = protocol};
    return IPv6{.source = "fd00::1", .destination = "fd00:0:0:2::30", .traffic_class = tos, .next_header = protocol};
}

constexpr std::uint8_t number(Family family) { return family == Family::ipv4 ? 4 : 41; }

Packet gre(Family family) { return Payload{from_hex(family == Family::ipv4 ? "0000 0800" : "0000 86dd")}; }
Packet gue(std::uint8_t protocol) { return Payload{{0, protocol, 0, 0}}; }

}  // namespace

decap_config unwrap_all() {
    constexpr std::uint8_t both = DECAP_INNER4 | DECAP_INNER6;
    return {.version = DECAP_ABI_VERSION,
            .ipip = {both, both},
            .gre = {both, both},
            .udp = {1, 1},
            .udp_gre = 1,
            .guard = DECAP_GUARD_STRICT,
            .kinds = (1U << DECAP_KIND_COUNT) - 1};
}

Decapsulator::Decapsulator(const decap_config& config, const std::string& objects)
    : skeleton_(open_skeleton<decap_bpf>(decap_bpf__create_skeleton, objects, "decap")) {
    skeleton_->rodata->config = config;
    for (bpf_map* map : {skeleton_->maps.balancers, skeleton_->maps.vips, skeleton_->maps.own, skeleton_->maps.tunnels,
                         skeleton_->maps.networks})
        check(bpf_map__set_max_entries(map, 64), bpf_map__name(map));
    check(decap_bpf::load(skeleton_.get()), "load the BPF object");

    for (const char* balancer : {"10.0.0.0/24", "fd00::/64"}) add_prefix(skeleton_->maps.balancers, balancer);
    for (const char* vip : {"192.0.2.1/32", "198.51.100.128/25", "2001:db8::/64"})
        add_prefix(skeleton_->maps.vips, vip);
    for (const char* address : {"10.0.2.30", "fd00:0:0:2::30"})
        update(skeleton_->maps.own, mapped(address), std::uint32_t{0});
    const auto open = [&](std::uint16_t port, const decap_tunnel& tunnel) {
        for (const std::uint8_t outer6 : {std::uint8_t{0}, std::uint8_t{1}}) {
            const decap_port key{htons(port), outer6, 0};
            if (outer6 == 0 || port != bound_port) update(skeleton_->maps.tunnels, key, tunnel);
            if (tunnel.kind == DECAP_GENEVE)
                update(skeleton_->maps.networks, decap_network{key, vni}, std::uint32_t{0});
        }
    };
    constexpr std::uint8_t both = DECAP_INNER4 | DECAP_INNER6;
    open(fou4_port, {.kind = DECAP_FOU, .inner = DECAP_INNER4});
    open(fou6_port, {.kind = DECAP_FOU, .inner = DECAP_INNER6});
    open(fou_gre_port, {.kind = DECAP_FOU, .inner = DECAP_INNER_GRE});
    open(gue_port, {.kind = DECAP_GUE, .inner = both});
    open(gue_gre_port, {.kind = DECAP_GUE, .inner = DECAP_INNER_GRE});
    open(geneve_port, {.kind = DECAP_GENEVE, .inner = both});
    open(bound_port, {.kind = DECAP_GUE,
                      .inner = both,
                      .peer_port_be = htons(7),
                      .pad = 0,
                      .local = mapped("10.0.2.30"),
                      .peer = mapped("10.0.0.1")});
    reasons_ = reasons();
}

Decapsulator::~Decapsulator() = default;

Outcome Decapsulator::receive(const Bytes& frame) {
    Outcome outcome;
    outcome.frame.resize(4096);
    bpf_test_run_opts run{};
    run.sz = sizeof run;
    run.repeat = 1;
    run.data_in = frame.data();
    run.data_size_in = static_cast<std::uint32_t>(frame.size());
    run.data_out = outcome.frame.data();
    run.data_size_out = static_cast<std::uint32_t>(outcome.frame.size());
    check(bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.decap), &run), "BPF_PROG_TEST_RUN");
    outcome.frame.resize(run.data_size_out);

    outcome.fate = run.retval == XDP_PASS ? "pass" : run.retval == XDP_DROP ? "drop" : std::to_string(run.retval);
    const std::vector<std::uint64_t> before = std::exchange(reasons_, reasons());
    const char* separator = ": ";
    for (std::size_t i = 0; i < reasons_.size(); ++i)
        for (auto count = before[i]; count < reasons_[i]; ++count) {
            outcome.fate += std::exchange(separator, ", ");
            outcome.fate += decap_reason_names.at(i);
        }
    return outcome;
}

std::uint64_t Decapsulator::let_pass(decap_reason reason) const {
    std::uint64_t sum = 0;
    for (const auto count : lookup<std::uint64_t>(skeleton_->maps.let_pass, reason, cpus())) sum += count;
    return sum;
}

decap_counters Decapsulator::counters(decap_kind kind) const {
    decap_counters sum{};
    for (const auto& one : lookup<decap_counters>(skeleton_->maps.received, kind, cpus())) {
        sum.packets += one.packets;
        sum.bytes += one.bytes;
    }
    return sum;
}

std::uint32_t Decapsulator::verified_instructions() const {
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    check(bpf_obj_get_info_by_fd(bpf_program__fd(skeleton_->progs.decap), &info, &size), "BPF_OBJ_GET_INFO_BY_FD");
    return info.verified_insns;
}

std::vector<std::uint64_t> Decapsulator::reasons() const {
    static const std::size_t copies = cpus();
    std::vector<std::uint64_t> values(DECAP_REASON_COUNT * copies);
    std::array<std::uint32_t, DECAP_REASON_COUNT> keys{};
    std::uint32_t count = DECAP_REASON_COUNT, end = 0;
    const int result = bpf_map_lookup_batch(bpf_map__fd(skeleton_->maps.reasons), nullptr, &end, keys.data(),
                                            values.data(), &count, nullptr);
    if (result != -ENOENT) check(result, "read the reasons");  // ENOENT: end of the map

    std::vector<std::uint64_t> sums(DECAP_REASON_COUNT);
    for (std::size_t i = 0; i < values.size(); ++i) sums[keys.at(i / copies)] += values[i];
    return sums;
}

Decapsulator& DecapTest::decapsulator() {
    static Decapsulator decapsulator;
    return decapsulator;
}

void PrintTo(const Tunnel& tunnel, std::ostream* out) { *out << tunnel.name; }

std::vector<Tunnel> all_tunnels() {
    std::vector<Tunnel> tunnels;
    for (const Family outer : {Family::ipv4, Family::ipv6}) {
        const auto add = [&](const std::string& name, decap_kind kind) {
            tunnels.push_back({name + "_over_" + std::string(netlink::name(outer)), kind, outer});
        };
        add("ipip", DECAP_IPIP);
        add("gre", DECAP_GRE);
        add("fou", DECAP_FOU);
        add("fou_gre", DECAP_FOU);
        add("gue", DECAP_GUE);
        add("gue_variant_1", DECAP_GUE);
        add("gue_gre", DECAP_GUE);
        add("geneve", DECAP_GENEVE);
        add("geneve_options", DECAP_GENEVE);
        add("geneve_without_ethernet", DECAP_GENEVE);
    }
    return tunnels;
}

Packet in_tunnel(const Tunnel& tunnel, const Packet& inner, Family family, std::uint8_t tos) {
    const std::string_view kind = std::string_view(tunnel.name).substr(0, tunnel.name.find("_over_"));
    const auto udp = [&](std::uint16_t port) {
        return outer_ip(tunnel, 17, tos) / UDP{.source = 50000, .destination = port};
    };
    const std::string type = family == Family::ipv4 ? "0800" : "86dd";
    if (kind == "ipip") return outer_ip(tunnel, number(family), tos) / inner;
    if (kind == "gre") return outer_ip(tunnel, 47, tos) / gre(family) / inner;
    if (kind == "fou") return udp(family == Family::ipv4 ? fou4_port : fou6_port) / inner;
    if (kind == "fou_gre") return udp(fou_gre_port) / gre(family) / inner;
    if (kind == "gue") return udp(gue_port) / gue(number(family)) / inner;
    if (kind == "gue_variant_1") return udp(gue_port) / inner;
    if (kind == "gue_gre") return udp(gue_gre_port) / gue(47) / gre(family) / inner;
    if (kind == "geneve") return udp(geneve_port) / Payload{from_hex("0000 6558 00029a00")} / Ethernet() / inner;
    if (kind == "geneve_options")
        return udp(geneve_port) / Payload{from_hex("0300 6558 00029a00")} / payload(12) / Ethernet() / inner;
    return udp(geneve_port) / Payload{from_hex("0000" + type + "00029a00")} / inner;
}

}  // namespace culvert::packet
