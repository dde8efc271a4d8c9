// SPDX-License-Identifier: Apache-2.0
#include "bench/packet/subject.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <span>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "floor.skel.h"
#include "lb.skel.h"
#include "lbd/datapath/flow_moves.hpp"
#include "lbd/datapath/flow_table.hpp"
#include "lbd/datapath/own.hpp"
#include "lbd/datapath/prefix_filter.hpp"
#include "lbd/datapath/transition_map.hpp"
#include "lbd/datapath/vip_table.hpp"
#include "lbd/plan/maglev.hpp"
#include "lbd/plan/template.hpp"
#include "lbd/reconcile/part_size.hpp"
#include "lbd/reconcile/sampling.hpp"
#include "lru.skel.h"

namespace culvert::bench {

namespace {

using netlink::Family;

constexpr std::uint32_t lo = 1;  // the interface of arrival for BPF_PROG_TEST_RUN
constexpr std::uint32_t ring_size = 65537;
constexpr std::uint32_t first_transition = 1;
constexpr std::uint32_t fast_time_shift = 10;  // an entry's time changes about once a second

int checked(int result, const char* what) {
    if (result < 0) throw std::system_error(-result, std::system_category(), what);
    return result;
}

void update(const bpf_object* object, const char* map, const void* key, std::size_t key_size, const void* value,
            std::size_t value_size) {
    const bpf_map* found = bpf_object__find_map_by_name(object, map);
    checked(bpf_map__update_elem(found, key, key_size, value, value_size, BPF_ANY), map);
}

template <typename Key, typename Value>
void update(const bpf_object* object, const char* map, const Key& key, const Value& value) {
    update(object, map, &key, sizeof key, &value, sizeof value);
}

/// Two keys for each service, twice as many lines.
std::uint32_t vip_lines(const Workload& workload) { return std::max(1024U, 4 * workload.services); }

lb_config configure(const Workload& workload) {
    lb_config config{};
    std::mt19937_64 random(1);
    config.hash_final = random();
    for (auto& word : config.hash_key) word = static_cast<std::uint32_t>(random());
    config.vip4_mask = config.vip6_mask = vip_lines(workload) - 1;
    config.time_shift = fast_time_shift;
    config.icmp_shift = fast_time_shift;
    config.icmp_rate = 1;
    const bool all = workload.switches != Switches::needed;
    config.ipv4 = all || workload.inner == Family::ipv4;
    config.ipv6 = all || workload.inner == Family::ipv6;
    config.l2 = all || std::holds_alternative<lbd::L2>(workload.encap);
    config.l3dsr = all || std::holds_alternative<lbd::L3dsr>(workload.encap);
    config.encap = all || !(config.l2 || config.l3dsr);
    config.prefixes = config.all_ports = config.sticky = config.vlan = config.redirect = all;
    config.latency = workload.switches == Switches::all;
    return config;
}

/// Room for the workload's services and backends.
void size_maps(bpf_object* object, const Workload& workload, Subject::Kind kind) {
    const auto resize = [&](const char* map, std::uint32_t entries) {
        checked(bpf_map__set_max_entries(bpf_object__find_map_by_name(object, map), entries), map);
    };
    const std::uint32_t dests = 1 + workload.services * workload.backends;
    for (const char* map : {"vips4", "vips6"}) resize(map, 2 * vip_lines(workload));
    resize("rings", ring_size / LB_RING_LINE + 1);
    resize("transitions", first_transition + lb_transition_lines(ring_size));
    resize("dests", dests);
    resize("dest_counters", dests);
    const bool array = kind == Subject::Kind::ours;
    resize("flows", array ? table_entries(workload) / LB_FLOW_WAYS : 1);
    if (!array) resize("lru_flows", table_entries(workload));
}

lbd::NextHop next_hop(const Workload& workload) {
    lbd::NextHop next{.ifindex = 1, .mtu = 2000};
    next.source = *netlink::MacAddress::parse("02:00:00:00:00:02");
    next.destination = *netlink::MacAddress::parse("02:00:00:00:00:03");
    next.from = *netlink::IpAddress::parse(workload.outer == Family::ipv4 ? "10.0.0.2" : "fd00::2");
    return next;
}

netlink::IpAddress backend(const Workload& workload, std::uint32_t index) {
    const bool ipv4 = workload.outer == Family::ipv4;
    return *netlink::IpAddress::parse(ipv4 ? "10.1." + std::to_string(index / 250) + "." +
                                                 std::to_string(index % 250 + 1)
                                           : "fd00::" + std::to_string(index % 9999 + 1));
}

template <typename Line>
void update_all(const bpf_object* object, const char* map, const std::vector<Line>& lines) {
    for (std::uint32_t i = 0; i < lines.size(); ++i) update(object, map, i, lines[i]);
}

/// The LRU hash has all flows, as UDP has.
std::uint32_t flags(const Workload& workload, Subject::Kind kind) {
    return kind == Subject::Kind::lru || workload.protocol == lbd::Protocol::udp ? LB_SERVICE_EACH : 0;
}

/// Where flows are only counted, as many as the sweep leaves.
std::uint32_t sample(const Workload& workload) {
    unsigned shift = 0;
    while (shift < lbd::most_sampled && workload.flows >> shift > lbd::Sampling::most) ++shift;
    return lbd::sample_mask(shift);
}

/// The part of the flow table that the sweep leaves.
std::uint32_t part(const Workload& workload, std::uint32_t buckets) {
    const bool counts_only = workload.protocol != lbd::Protocol::udp && !workload.moving;
    const std::uint64_t entries = counts_only ? lbd::Sampling::most : workload.flows;
    unsigned shift = workload.whole ? 0 : lbd::most_halved(buckets);
    while (const auto less = lbd::PartSize::larger({entries, std::uint64_t{buckets} * LB_FLOW_WAYS >> shift}, shift))
        shift = *less;
    return LB_FLOW_PART(shift, shift);
}

template <typename Key>
std::vector<std::pair<Key, lb_service>> vips(const Workload& workload, Subject::Kind kind) {
    std::vector<std::pair<Key, lb_service>> entries;
    for (std::uint32_t service = 0; service < workload.services; ++service) {
        Key key{};
        std::ranges::copy(vip(workload.inner, service).bytes(), key.address);
        entries.emplace_back(key, lb_service{});
        key.port_be = htons(service_port);
        key.protocol = static_cast<std::uint8_t>(workload.protocol);
        entries.emplace_back(key, lb_service{0, ring_size, 1 + service * workload.backends, flags(workload, kind),
                                             workload.moving && kind == Subject::Kind::ours ? first_transition : 0});
    }
    return entries;
}

void fill(bpf_object* object, const Workload& workload, Subject::Kind kind) {
    std::vector<lbd::Contender> contenders;
    for (std::uint32_t i = 0; i < workload.backends; ++i)
        contenders.push_back({static_cast<std::uint16_t>(i), backend(workload, i).to_string(), 1});
    const auto table = lbd::maglev_table(contenders, ring_size);
    for (std::uint32_t line = 0; line * LB_RING_LINE < ring_size; ++line) {
        lb_ring_line entries{};
        for (std::uint32_t i = 0; i < LB_RING_LINE && line * LB_RING_LINE + i < ring_size; ++i)
            entries.dest[i] = table[line * LB_RING_LINE + i];
        update(object, "rings", line, entries);
    }
    if (workload.moving) {
        lbd::Slots slots(ring_size);
        slots.moving.assign(ring_size, true);
        slots.former = table;
        std::vector<lb_transition_line> lines(lb_transition_lines(ring_size));
        lbd::write_slots(lines, slots);
        for (std::uint32_t i = 0; i < lines.size(); ++i) update(object, "transitions", first_transition + i, lines[i]);
    }
    for (std::uint32_t service = 0; service < workload.services; ++service)
        for (std::uint32_t i = 0; i < workload.backends; ++i) {
            lb_dest dest{};
            dest.slot[0].body =
                lbd::make_body(workload.encap, workload.inner, backend(workload, i), next_hop(workload));
            update(object, "dests", 1 + service * workload.backends + i, dest);
        }
    if (workload.inner == Family::ipv4)
        update_all(object, "vips4", lbd::vip4_table(vips<lb_vip4>(workload, kind), vip_lines(workload)));
    else
        update_all(object, "vips6", lbd::vip6_table(vips<lb_vip6>(workload, kind), vip_lines(workload)));
}

template <typename Skeleton>
Skeleton* opened() {
    Skeleton* skeleton = Skeleton::open();
    if (skeleton == nullptr) checked(-errno, "open a BPF object");
    return skeleton;
}

/// The object of a skeleton. It lives as long as the pointer.
template <typename Skeleton>
std::shared_ptr<bpf_object> owned(Skeleton* skeleton) {
    return {skeleton->obj, [skeleton](bpf_object*) { Skeleton::destroy(skeleton); }};
}

template <typename Skeleton>
std::shared_ptr<bpf_object> load_balancer(const Workload& workload, Subject::Kind kind) {
    Skeleton* skeleton = opened<Skeleton>();
    std::shared_ptr<bpf_object> object = owned(skeleton);
    skeleton->rodata->config = configure(workload);
    const std::uint32_t buckets = kind == Subject::Kind::ours ? table_entries(workload) / LB_FLOW_WAYS : 1;
    skeleton->rodata->config.bucket_mask = buckets - 1;
    size_maps(object.get(), workload, kind);
    const auto bytes = frame(workload);
    const auto own = *netlink::MacAddress::from_bytes(std::span(bytes).first(ETH_ALEN));
    skeleton->data_own->own =
        lbd::own_table({.macs = {{.port = lo, .mac = own}}, .vlans = {}}, skeleton->rodata->config.redirect != 0);
    checked(Skeleton::load(skeleton), "load a balancer");
    skeleton->bss->sample_mask = sample(workload);
    skeleton->bss->flow_part = part(workload, buckets);
    if (workload.network) {
        const lb_prefix4 key{.length = 24, .address = {198, 51, 100, 0}};
        update(object.get(), "prefixes4", key, lb_vip4{.address = {198, 51, 100, 0}, .prefix = 24});
        skeleton->bss->filters4[0] = lbd::prefix_filter(std::vector{*netlink::Prefix::parse("198.51.100.0/24")});
    }
    fill(object.get(), workload, kind);
    return object;
}

/// Sums over all keys and CPUs.
template <typename Value, typename Add>
void for_each_value(const bpf_object* object, const char* name, Add add) {
    const bpf_map* map = bpf_object__find_map_by_name(object, name);
    std::uint32_t count = bpf_map__max_entries(map), end = 0;
    std::vector<std::uint32_t> keys(count);
    std::vector<Value> values(static_cast<std::size_t>(count) * static_cast<std::size_t>(libbpf_num_possible_cpus()));
    const int result =
        bpf_map_lookup_batch(bpf_map__fd(map), nullptr, &end, keys.data(), values.data(), &count, nullptr);
    if (result != -ENOENT) checked(result, name);  // ENOENT: end of the map
    for (const Value& value : values) add(value);
}

}  // namespace

Subject::Subject(std::shared_ptr<bpf_object> object, const char* program, bool counts, bool tracks_each)
    : object_(std::move(object)), program_(program), counts_(counts), tracks_each_(tracks_each) {}

Subject Subject::load(Kind kind, const Workload& workload) {
    switch (kind) {
        case Kind::ours:
            return {load_balancer<lb_bpf>(workload, kind), "lb", true, (flags(workload, kind) & LB_SERVICE_EACH) != 0};
        case Kind::lru:
            return {load_balancer<lru_bpf>(workload, kind), "lb", true, true};
        case Kind::floor:
        case Kind::line:
            break;
    }
    auto* skeleton = opened<floor_bpf>();
    std::shared_ptr<bpf_object> object = owned(skeleton);
    const std::uint32_t lines = kind == Kind::line ? table_entries(workload) / LB_FLOW_WAYS : 1;
    skeleton->rodata->lines_mask = lines - 1;
    checked(bpf_map__set_max_entries(skeleton->maps.lines, lines), "size the lines");
    checked(floor_bpf::load(skeleton), "load the floor");
    return {std::move(object), kind == Kind::line ? "least_and_line" : "least", false, false};
}

int Subject::program() const { return bpf_program__fd(bpf_object__find_program_by_name(object_.get(), program_)); }

std::uint32_t Subject::verified_instructions() const {
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    checked(bpf_obj_get_info_by_fd(program(), &info, &size), "BPF_OBJ_GET_INFO_BY_FD");
    return info.verified_insns;
}

lb_counters Subject::forwarded() const {
    lb_counters sum{};
    for_each_value<lb_counters>(object_.get(), "dest_counters", [&](const lb_counters& value) {
        sum.packets += value.packets;
        sum.bytes += value.bytes;
        sum.flows += value.flows;
    });
    return sum;
}

std::uint64_t Subject::dropped() const {
    std::uint64_t sum = 0;
    for_each_value<std::uint64_t>(object_.get(), "reasons", [&](std::uint64_t value) { sum += value; });
    return sum;
}

}  // namespace culvert::bench
