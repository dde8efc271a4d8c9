// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/datapath.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <set>
#include <string_view>
#include <type_traits>
#include <variant>

#include "common/libbpf_log.hpp"
#include "lb.skel.h"
#include "lbd/datapath/vip_table.hpp"

namespace culvert::lbd {
namespace {

using common::LibbpfLog;
using netlink::failure;
using netlink::Result;

std::string privilege(int code) {
    return code == EPERM ? "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON" : "";
}

template <typename E>
bool has_encap(const Config& config) {
    return std::ranges::any_of(config.services, [](const Service& service) {
        return std::ranges::any_of(service.backends,
                                   [](const Backend& backend) { return std::holds_alternative<E>(backend.encap); });
    });
}

/// What the program is compiled to, as far as it may change while the maps stay.
lb_config program_config(const Config& config, const Surroundings& around) {
    constexpr std::uint32_t icmp_errors_a_second = 1000;  // as Linux' net.ipv4.icmp_msgs_per_sec
    lb_config result{};
    result.icmp_shift = std::bit_width(kernel_hz());  // one second to two
    result.icmp_rate = icmp_errors_a_second;
    if (around.own4) std::memcpy(&result.own4_be, around.own4->bytes().data(), sizeof result.own4_be);
    if (around.own6) std::memcpy(result.own6_be, around.own6->bytes().data(), sizeof result.own6_be);
    result.vlan = around.vlans;
    for (const Service& service : config.services) {
        (service.vip.family() == Family::ipv4 ? result.ipv4 : result.ipv6) = 1;
        if (!service.vip.prefix.is_host()) result.prefixes = 1;
        if (service.sticky) result.sticky = 1;
        for (const PortSpec& port : service.ports)
            if (port.port == 0) result.all_ports = 1;
    }
    result.l2 = has_encap<L2>(config);
    result.l3dsr = has_encap<L3dsr>(config);
    result.encap = has_encap<Ipip>(config) || has_encap<Gre>(config) || has_encap<Fou>(config) ||
                   has_encap<Gue>(config) || has_encap<Geneve>(config);
    result.redirect = config.interfaces.size() > 1;
    return result;
}

/// What must be as long as the maps are.
void fit_to_maps(lb_config& program, const Config& config, const FlowClock& clock, const Limits& limits) {
    program.bucket_mask = static_cast<std::uint32_t>(config.flows.entries / LB_FLOW_WAYS - 1);
    program.time_shift = clock.shift();
    program.vip4_mask = limits.vips4 - 1;
    program.vip6_mask = limits.vips6 - 1;
}

void fit_to_maps(lb_config& program, const lb_config& former) {
    program.bucket_mask = former.bucket_mask;
    program.time_shift = former.time_shift;
    program.vip4_mask = former.vip4_mask;
    program.vip6_mask = former.vip6_mask;
    program.hash_final = former.hash_final;
    std::ranges::copy(former.hash_key, program.hash_key);
}

/// A random key: nobody outside can aim at collisions in the flow table.
Result<> draw_key(lb_config& config) {
    const auto draw = [](auto& field) { return ::getrandom(&field, sizeof field, 0) == sizeof field; };
    if (!draw(config.hash_final) || !draw(config.hash_key)) return failure("draw", "a hash key", errno);
    return {};
}

/// All maps but the constants: what flows and counters are in, and what the former's user space has set.
Result<> share_maps(const lb_bpf& former, const lb_bpf& next) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, next.obj) {
        if (map == next.maps.rodata) continue;
        const char* name = ::bpf_map__name(map);
        const bpf_map* known = ::bpf_object__find_map_by_name(former.obj, name);
        if (const int error = ::bpf_map__reuse_fd(map, ::bpf_map__fd(known)); error < 0)
            return failure("share BPF map", name, -error);
    }
    return {};
}

void size_maps(const lb_bpf& skeleton, const Config& config, const Limits& limits) {
    ::bpf_map__set_max_entries(skeleton.maps.vips4, 2 * limits.vips4);
    ::bpf_map__set_max_entries(skeleton.maps.vips6, 2 * limits.vips6);
    ::bpf_map__set_max_entries(skeleton.maps.prefixes4, limits.vips4);
    ::bpf_map__set_max_entries(skeleton.maps.prefixes6, limits.vips6);
    ::bpf_map__set_max_entries(skeleton.maps.rings, limits.ring_lines);
    ::bpf_map__set_max_entries(skeleton.maps.dests, limits.dests);
    ::bpf_map__set_max_entries(skeleton.maps.dest_counters, limits.dests);
    ::bpf_map__set_max_entries(skeleton.maps.flows, static_cast<std::uint32_t>(config.flows.entries / LB_FLOW_WAYS));
    ::bpf_map__set_max_entries(skeleton.maps.ports, static_cast<std::uint32_t>(config.interfaces.size()));
}

Result<> load_into_kernel(lb_bpf& skeleton) {
    if (const int error = lb_bpf::load(&skeleton); error < 0)
        return failure("load", "the BPF program", -error, LibbpfLog::tail(), privilege(-error));
    return {};
}

template <typename T>
Result<MappedArray<T>> map_memory(const bpf_map* map) {
    return MappedArray<T>::map(::bpf_map__fd(map), ::bpf_map__max_entries(map), ::bpf_map__name(map));
}

/// The value of every CPU.
template <typename T>
Result<std::vector<T>> read_per_cpu(const bpf_map* map, std::uint32_t key) {
    std::vector<T> values(static_cast<std::size_t>(::libbpf_num_possible_cpus()));
    if (::bpf_map_lookup_elem(::bpf_map__fd(map), &key, values.data()) < 0)
        return failure("read BPF map", ::bpf_map__name(map), errno);
    return values;
}

template <typename Key>
Key program_key(const VipKey& vip) {
    Key key{};
    std::ranges::copy(vip.vip.prefix.address.bytes(), key.address);
    key.port_be = htons(vip.port);
    key.protocol = vip.protocol;
    if (!vip.vip.prefix.is_host()) key.prefix = vip.vip.prefix.length;
    return key;
}

/// How the trie of prefixes knows a VIP.
template <typename PrefixKey>
PrefixKey trie_key(const Vip& vip) {
    PrefixKey key{};
    key.length = vip.prefix.length;
    std::ranges::copy(vip.prefix.address.bytes(), key.address);
    return key;
}

template <typename Key, typename PrefixKey>
Result<> enter_prefix(const bpf_map* trie, const Vip& vip) {
    const auto where = trie_key<PrefixKey>(vip);
    const auto what = program_key<Key>({.vip = vip});
    if (::bpf_map_update_elem(::bpf_map__fd(trie), &where, &what, BPF_ANY) < 0)
        return failure("enter VIP", vip.to_string(), errno);
    return {};
}

template <typename PrefixKey>
Result<> remove_prefix(const bpf_map* trie, const Vip& vip) {
    const auto where = trie_key<PrefixKey>(vip);
    if (::bpf_map_delete_elem(::bpf_map__fd(trie), &where) < 0 && errno != ENOENT)
        return failure("remove VIP", vip.to_string(), errno);
    return {};
}

/// Into the half that no packet is looked up in.
template <typename Line>
Result<> write_half(std::span<Line> map, std::uint32_t half, const std::vector<Line>& table) {
    if (table.empty())
        return failure("enter VIPs", "into their hash table", ENOSPC, {}, "restart lbd: it then makes a larger one");
    std::ranges::copy(table, map.subspan(half * table.size()).begin());
    return {};
}

/// Of each of the keys, over all CPUs.
template <std::size_t Count>
Result<std::array<std::uint64_t, Count>> read_sums(const bpf_map* map) {
    std::array<std::uint64_t, Count> sums{};
    for (std::uint32_t key = 0; key < Count; ++key) {
        TRY(const auto values, read_per_cpu<std::uint64_t>(map, key));
        for (const std::uint64_t value : values) sums[key] += value;
    }
    return sums;
}

}  // namespace

void Datapath::Unload::operator()(lb_bpf* skeleton) const { lb_bpf::destroy(skeleton); }

Datapath::Datapath(Skeleton skeleton, Settler settler, Memory memory, FlowClock clock)
    : skeleton_(std::move(skeleton)), settler_(std::move(settler)), memory_(std::move(memory)), clock_(clock) {}

Result<Datapath> Datapath::load(const Config& config, const Surroundings& around, const Limits& limits) {
    const LibbpfLog log;
    Skeleton skeleton(lb_bpf::open());
    if (!skeleton) return failure("open", "the BPF program", errno, LibbpfLog::tail());

    const FlowClock clock(kernel_hz());
    skeleton->rodata->config = program_config(config, around);
    fit_to_maps(skeleton->rodata->config, config, clock, limits);
    CHECK_OK(draw_key(skeleton->rodata->config));
    size_maps(*skeleton, config, limits);
    CHECK_OK(load_into_kernel(*skeleton));

    TRY(auto settler, Settler::open());
    TRY(auto vips4, map_memory<lb_vip4_line>(skeleton->maps.vips4));
    TRY(auto vips6, map_memory<lb_vip6_line>(skeleton->maps.vips6));
    TRY(auto rings, map_memory<lb_ring_line>(skeleton->maps.rings));
    TRY(auto dests, map_memory<lb_dest>(skeleton->maps.dests));
    TRY(auto flows, map_memory<lb_bucket>(skeleton->maps.flows));
    Memory memory{std::move(vips4), std::move(vips6), std::move(rings), std::move(dests), std::move(flows)};
    return Datapath(std::move(skeleton), std::move(settler), std::move(memory), clock);
}

Result<> Datapath::recompile(const Config& config, const Surroundings& around) {
    lb_config changed = program_config(config, around);
    const lb_config& former = skeleton_->rodata->config;
    fit_to_maps(changed, former);
    if (std::memcmp(&changed, &former, sizeof changed) == 0) return {};

    const LibbpfLog log;
    Skeleton next(lb_bpf::open());
    if (!next) return failure("open", "the BPF program", errno, LibbpfLog::tail());
    next->rodata->config = changed;
    CHECK_OK(share_maps(*skeleton_, *next));
    CHECK_OK(load_into_kernel(*next));
    for (const Fd& link : links_)
        if (::bpf_link_update(link.get(), ::bpf_program__fd(next->progs.lb), nullptr) < 0 && errno != ENOLINK)
            return failure("replace", "the BPF program", errno, {}, privilege(errno));
    skeleton_ = std::move(next);
    return {};
}

Result<> Datapath::attach(std::uint32_t ifindex, const std::string& name, XdpMode mode) {
    if (::bpf_map_update_elem(::bpf_map__fd(skeleton_->maps.ports), &ifindex, &ifindex, BPF_ANY) < 0)
        return failure("register for redirects", name, errno);
    bpf_link_create_opts options{};
    options.sz = sizeof options;
    options.flags = mode == XdpMode::generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
    Fd link(::bpf_link_create(::bpf_program__fd(skeleton_->progs.lb), static_cast<int>(ifindex), BPF_XDP, &options));
    if (!link.is_open()) {
        const int code = errno;
        const char* operation = mode == XdpMode::generic ? "attach generic XDP to" : "attach native XDP to";
        if (is_taken(code))
            return failure(operation, name, code, "another XDP program is there",
                           "ip link set dev " + name + " xdp off");
        return failure(operation, name, code, {}, privilege(code));
    }
    links_.push_back(std::move(link));
    return {};
}

Result<> Datapath::apply(const std::vector<Edit>& edits) {
    for (const Edit& edit : edits) CHECK_OK(std::visit([this](const auto& one) { return run(one); }, edit));
    return {};
}

Result<> Datapath::run(const SetDest& edit) {
    lb_dest& dest = memory_.dests.values()[edit.id];
    const std::atomic_ref active(dest.slot[0].active);
    const std::uint32_t other = 1 - active.load(std::memory_order_relaxed);
    dest.slot[other].body = edit.body;
    active.store(other, std::memory_order_release);
    return {};
}

Result<> Datapath::run(const WriteRing& edit) {
    std::memcpy(memory_.rings.values()[edit.line].dest, edit.table.data(), edit.table.size() * sizeof edit.table[0]);
    return {};
}

Result<> Datapath::run(const SetVips& edit) {
    std::vector<Vip4Entry> entries4;
    std::vector<Vip6Entry> entries6;
    for (const auto& [key, service] : edit.vips) {
        if (key.vip.family() == Family::ipv4)
            entries4.emplace_back(program_key<lb_vip4>(key), service);
        else
            entries6.emplace_back(program_key<lb_vip6>(key), service);
    }
    const std::atomic_ref half(skeleton_->bss->vips_half);
    const std::uint32_t idle = 1 - half.load(std::memory_order_relaxed);
    const lb_config& config = skeleton_->rodata->config;
    CHECK_OK(write_half(memory_.vips4.values(), idle, vip4_table(entries4, config.vip4_mask + 1)));
    CHECK_OK(write_half(memory_.vips6.values(), idle, vip6_table(entries6, config.vip6_mask + 1)));
    half.store(idle, std::memory_order_release);
    return skeleton_->rodata->config.prefixes ? set_prefixes(edit) : Result<>{};
}

/// Addresses too, so that the longest match of one is itself.
Result<> Datapath::set_prefixes(const SetVips& edit) {
    const auto& maps = skeleton_->maps;
    std::set<Vip> wanted;
    for (const auto& [key, service] : edit.vips) wanted.insert(key.vip);
    for (const Vip& vip : wanted) {
        if (prefixes_.contains(vip)) continue;
        CHECK_OK(vip.family() == Family::ipv4 ? (enter_prefix<lb_vip4, lb_prefix4>(maps.prefixes4, vip))
                                              : (enter_prefix<lb_vip6, lb_prefix6>(maps.prefixes6, vip)));
    }
    for (const Vip& vip : prefixes_) {
        if (wanted.contains(vip)) continue;
        CHECK_OK(vip.family() == Family::ipv4 ? remove_prefix<lb_prefix4>(maps.prefixes4, vip)
                                              : remove_prefix<lb_prefix6>(maps.prefixes6, vip));
    }
    prefixes_ = std::move(wanted);
    return {};
}

Result<> Datapath::run(const Settle& /*edit*/) { return settler_.settle(); }

Result<lb_counters> Datapath::counters(std::uint32_t id) const {
    TRY(const auto values, read_per_cpu<lb_counters>(skeleton_->maps.dest_counters, id));
    lb_counters sum{};
    for (const lb_counters& value : values) {
        sum.packets += value.packets;
        sum.bytes += value.bytes;
        sum.flows += value.flows;
    }
    return sum;
}

Result<ReasonCounts> Datapath::reasons() const { return read_sums<LB_REASON_COUNT>(skeleton_->maps.reasons); }
Result<EventCounts> Datapath::events() const { return read_sums<LB_EVENT_COUNT>(skeleton_->maps.events); }

std::span<const std::uint16_t> Datapath::ring(std::uint32_t line, std::uint32_t size) const {
    return {memory_.rings.values()[line].dest, size};
}

Result<std::uint16_t> Datapath::flow_time() const {
    std::array<std::uint8_t, 64> frame{};
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame.data();
    options.data_size_in = frame.size();
    if (::bpf_prog_test_run_opts(::bpf_program__fd(skeleton_->progs.jiffies), &options) < 0)
        return failure("run", "the program `jiffies`", errno);
    return clock_.time(skeleton_->bss->jiffies_now);
}

}  // namespace culvert::lbd
