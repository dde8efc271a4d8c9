// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/balancer.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <stdexcept>

#include "lb.skel.h"
#include "lbd/datapath/prefix_filter.hpp"
#include "netlink/address.hpp"
#include "tests/packet/maps.hpp"

namespace culvert::packet {
namespace {

constexpr std::uint32_t most_vips = 256;
constexpr std::uint32_t vip_lines = 64;  // few, so that some keys are in their second choice
constexpr std::uint32_t most_dests = 256;
constexpr std::uint32_t most_ring_lines = 4096;
constexpr std::uint32_t arrival_interface = 1;  // lo, the default of BPF_PROG_TEST_RUN

constexpr std::array reason_names{
#define LB_REASON(identifier, name, text) name,
    LB_REASONS(LB_REASON)
#undef LB_REASON
};

template <typename Key>
Key vip_key(const netlink::Prefix& vip, std::uint16_t port, std::uint8_t protocol) {
    Key key{};
    std::ranges::copy(vip.address.bytes(), key.address);
    key.port_be = htons(port);
    key.protocol = protocol;
    key.prefix = vip.is_host() ? 0 : vip.length;
    return key;
}

template <typename Key>
void set(std::vector<std::pair<Key, lb_service>>& entries, const Key& key, const lb_service& service) {
    const auto same = [&](const auto& entry) { return std::memcmp(&entry.first, &key, sizeof key) == 0; };
    const auto found = std::ranges::find_if(entries, same);
    if (found == entries.end())
        entries.emplace_back(key, service);
    else
        found->second = service;
}

template <typename PrefixKey, typename Key>
void enter(std::vector<std::pair<Key, lb_service>>& vips, const bpf_map* prefixes, const netlink::Prefix& vip,
           std::uint16_t port, std::uint8_t protocol, const lb_service& service) {
    const Key any = vip_key<Key>(vip, 0, 0);
    set(vips, vip_key<Key>(vip, port, protocol), service);
    set(vips, any, lb_service{});
    PrefixKey prefix{};
    prefix.length = vip.length;
    std::ranges::copy(vip.address.bytes(), prefix.address);
    update(prefixes, prefix, any);
}

template <typename Line>
void write_half(const bpf_map* map, std::uint32_t half, const std::vector<Line>& lines) {
    if (lines.size() != vip_lines) throw std::length_error("too many VIPs for a test");
    for (std::uint32_t i = 0; i < vip_lines; ++i) update(map, half * vip_lines + i, lines[i]);
}

/// One number for each key, summed over the CPUs.
std::vector<std::uint64_t> counts(const bpf_map* map) {
    static const std::size_t copies = cpus();
    std::uint32_t count = bpf_map__max_entries(map), end = 0;
    std::vector<std::uint64_t> values(count * copies), sums(count);
    std::vector<std::uint32_t> keys(count);
    const int result =
        bpf_map_lookup_batch(bpf_map__fd(map), nullptr, &end, keys.data(), values.data(), &count, nullptr);
    if (result != -ENOENT) check(result, bpf_map__name(map));  // ENOENT: end of the map
    for (std::size_t i = 0; i < values.size(); ++i) sums[keys.at(i / copies)] += values[i];
    return sums;
}

std::set<std::uint16_t> every_vlan() {
    std::set<std::uint16_t> ids;
    for (std::uint16_t id = 1; id < 4096; ++id) ids.insert(id);
    return ids;
}

std::string verdict_name(std::uint32_t verdict) {
    constexpr std::array names{"aborted", "drop", "pass", "tx", "redirect"};
    return verdict < names.size() ? names.at(verdict) : std::to_string(verdict);
}

}  // namespace

lb_config all_on() {
    lb_config config{};
    config.hash_final = 0x9e3779b97f4a7c15;
    std::uint32_t key = 0x6a09e667;
    for (auto& word : config.hash_key) word = key = key * 1664525 + 1013904223;
    config.time_shift = config.icmp_shift = 63;
    config.icmp_rate = UINT32_MAX;
    config.own4_be = htonl(0x0a000001);
    config.own6_be[0] = htonl(0xfd000000);
    config.own6_be[3] = htonl(1);
    config.ipv4 = config.ipv6 = config.all_ports = config.l3dsr = config.l2 = config.encap = config.redirect = 1;
    config.prefixes = config.sticky = config.vlan = config.latency = 1;
    return config;
}

Balancer::Balancer(const lb_config& config, std::uint32_t buckets, const std::string& objects)
    : skeleton_(open_skeleton<lb_bpf>(lb_bpf__create_skeleton, objects, "lb")) {
    skeleton_->rodata->config = config;
    skeleton_->rodata->config.bucket_mask = buckets - 1;
    skeleton_->rodata->config.vip4_mask = skeleton_->rodata->config.vip6_mask = vip_lines - 1;
    const auto resize = [](bpf_map* map, std::uint32_t entries) {
        check(bpf_map__set_max_entries(map, entries), bpf_map__name(map));
    };
    resize(skeleton_->maps.vips4, 2 * vip_lines);
    resize(skeleton_->maps.vips6, 2 * vip_lines);
    resize(skeleton_->maps.prefixes4, most_vips);
    resize(skeleton_->maps.prefixes6, most_vips);
    resize(skeleton_->maps.rings, most_ring_lines);
    resize(skeleton_->maps.dests, most_dests);
    resize(skeleton_->maps.dest_counters, most_dests);
    resize(skeleton_->maps.flows, buckets);
    resize(skeleton_->maps.ports, 4);
    check(lb_bpf::load(skeleton_.get()), "load the BPF object");
    set_own({.macs = {{.port = arrival_interface, .mac = {{2, 0, 0, 0, 0, 2}}}}, .vlans = every_vlan()});
    reasons_ = reasons();
}

Balancer::~Balancer() = default;

void Balancer::serve(const std::string& vip, lbd::Protocol protocol, std::uint16_t port,
                     const std::vector<std::uint16_t>& ring, std::uint32_t flags) {
    lb_service service{};
    service.flags = flags;
    service.ring = ring_lines_;
    service.ring_size = static_cast<std::uint32_t>(ring.size());
    service.dest_base = 1;
    for (std::size_t first = 0; first < ring.size(); first += LB_RING_LINE) {
        lb_ring_line line{};
        for (std::size_t i = first; i < std::min(first + LB_RING_LINE, ring.size()); ++i)
            line.dest[i - first] = static_cast<std::uint16_t>(ring[i] - service.dest_base);
        update(skeleton_->maps.rings, ring_lines_++, line);
    }

    const auto number = static_cast<std::uint8_t>(protocol);
    const auto prefix = netlink::Prefix::parse(vip).value();
    const auto& maps = skeleton_->maps;
    if (prefix.address.is_v4())
        enter<lb_prefix4>(vips4_, maps.prefixes4, prefix, port, number, service);
    else
        enter<lb_prefix6>(vips6_, maps.prefixes6, prefix, port, number, service);
    if (!prefix.is_host()) (prefix.address.is_v4() ? networks4_ : networks6_).push_back(prefix);
    const std::uint32_t idle = 1 - skeleton_->bss->vips_half;
    skeleton_->bss->filters4[idle] = lbd::prefix_filter(networks4_);
    skeleton_->bss->filters6[idle] = lbd::prefix_filter(networks6_);
    write_half(maps.vips4, idle, lbd::vip4_table(vips4_, vip_lines));
    write_half(maps.vips6, idle, lbd::vip6_table(vips6_, vip_lines));
    skeleton_->bss->vips_half = idle;
}

void Balancer::sample(std::uint32_t mask) { skeleton_->bss->sample_mask = mask; }

void Balancer::set_dest(std::uint32_t id, const lb_dest_body& body) {
    lb_dest dest{};
    dest.slot[0].body = body;
    set_dest(id, dest);
}

void Balancer::set_dest(std::uint32_t id, const lb_dest& dest) { update(skeleton_->maps.dests, id, dest); }

void Balancer::set_own(const lbd::Own& own) {
    skeleton_->data_own->own = lbd::own_table(own, skeleton_->rodata->config.redirect != 0);
}

void Balancer::set_unfinished(lb_unfinished unfinished) { skeleton_->data_own->own.unfinished = unfinished; }

void Balancer::open_port(std::uint32_t ifindex) { update(skeleton_->maps.ports, ifindex, arrival_interface); }

Outcome Balancer::receive(const Bytes& frame, std::uint32_t metadata) {
    Bytes input(metadata);
    input.insert(input.end(), frame.begin(), frame.end());
    Outcome outcome;
    outcome.frame.resize(4096);
    xdp_md context{};
    context.data = metadata;
    context.data_end = static_cast<std::uint32_t>(input.size());
    context.ingress_ifindex = arrival_interface;
    bpf_test_run_opts run{};
    run.sz = sizeof run;
    run.repeat = 1;
    run.data_in = input.data();
    run.data_size_in = static_cast<std::uint32_t>(input.size());
    run.data_out = outcome.frame.data();
    run.data_size_out = static_cast<std::uint32_t>(outcome.frame.size());
    run.ctx_in = &context;
    run.ctx_size_in = sizeof context;
    check(bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.lb), &run), "BPF_PROG_TEST_RUN");
    outcome.frame.resize(run.data_size_out);

    outcome.fate = verdict_name(run.retval);
    const std::vector<std::uint64_t> before = std::exchange(reasons_, reasons());
    if (outcome.fate == "tx" && before != reasons_) outcome.fate = "answered";
    const char* separator = ": ";
    for (std::size_t i = 0; i < reasons_.size(); ++i)
        for (auto count = before[i]; count < reasons_[i]; ++count) {
            outcome.fate += std::exchange(separator, ", ");
            outcome.fate += reason_names.at(i);
        }
    return outcome;
}

lb_bucket Balancer::bucket(std::uint32_t index) const {
    return lookup<lb_bucket>(skeleton_->maps.flows, index).front();
}

void Balancer::set_bucket(const lb_bucket& bucket, std::uint32_t index) {
    update(skeleton_->maps.flows, index, bucket);
}

lb_counters Balancer::counters(std::uint32_t dest) const {
    lb_counters sum{};
    for (const lb_counters& one : lookup<lb_counters>(skeleton_->maps.dest_counters, dest, cpus())) {
        sum.packets += one.packets;
        sum.bytes += one.bytes;
        sum.flows += one.flows;
    }
    return sum;
}

lb_latency Balancer::latency() const {
    lb_latency sum{};
    for (const lb_latency& one : lookup<lb_latency>(skeleton_->maps.latency, 0, cpus())) {
        sum.sum += one.sum;
        for (std::size_t i = 0; i < LB_LATENCY_BUCKETS; ++i) sum.bucket[i] += one.bucket[i];
    }
    return sum;
}

void Balancer::set_latency(const lb_latency& latency) {
    const bpf_map* const map = skeleton_->maps.latency;
    const std::uint32_t key = 0;
    const std::vector<lb_latency> all(cpus(), latency);
    check(bpf_map__update_elem(map, &key, sizeof key, all.data(), all.size() * sizeof latency, BPF_ANY),
          bpf_map__name(map));
}

std::uint64_t Balancer::jiffies() {
    const Bytes frame(64);
    bpf_test_run_opts run{};
    run.sz = sizeof run;
    run.data_in = frame.data();
    run.data_size_in = static_cast<std::uint32_t>(frame.size());
    check(bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.jiffies), &run), "BPF_PROG_TEST_RUN");
    return skeleton_->bss->jiffies_now;
}

std::uint32_t Balancer::verified_instructions() const {
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    check(bpf_obj_get_info_by_fd(bpf_program__fd(skeleton_->progs.lb), &info, &size), "BPF_OBJ_GET_INFO_BY_FD");
    return info.verified_insns;
}

std::vector<std::uint64_t> Balancer::reasons() const { return counts(skeleton_->maps.reasons); }

std::uint64_t Balancer::events(lb_event event) const { return counts(skeleton_->maps.events).at(event); }

testing::AssertionResult same(const Packet& expected, const Bytes& frame) {
    const std::string text = difference(expected, frame);
    if (text.empty()) return testing::AssertionSuccess();
    return testing::AssertionFailure() << text;
}

Balancer& BalancerTest::shared() {
    static Balancer balancer;
    return balancer;
}

void BalancerTest::SetUp() {
    if (geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
}

}  // namespace culvert::packet
