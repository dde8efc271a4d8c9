// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/datapath.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>
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
#include <utility>

#include "common/libbpf_log.hpp"
#include "lb.skel.h"
#include "lbd/datapath/flow_table.hpp"
#include "lbd/datapath/inherit.hpp"
#include "lbd/datapath/keys.hpp"
#include "lbd/datapath/vip_table.hpp"
#include "lbd/model/cure.hpp"
#include "lbd/model/owners.hpp"

namespace culvert::lbd {
namespace {

using common::LibbpfLog;
using netlink::failure;
using netlink::Result;

std::string privilege(int code) { return std::string(code == EPERM ? cure_of("not_permitted") : ""); }

/// A random key: nobody outside can aim at collisions in the flow table.
Result<> draw_key(lb_config& config) {
    const auto draw = [](auto& field) { return ::getrandom(&field, sizeof field, 0) == sizeof field; };
    if (!draw(config.hash_final) || !draw(config.hash_key)) return failure("draw", "a hash key", errno);
    return {};
}

void size_maps(const lb_bpf& skeleton, const Build& build) {
    constexpr std::uint32_t most_interfaces = 256;
    const Limits& limits = build.limits;
    ::bpf_map__set_max_entries(skeleton.maps.vips4, 2 * limits.vips4);
    ::bpf_map__set_max_entries(skeleton.maps.vips6, 2 * limits.vips6);
    ::bpf_map__set_max_entries(skeleton.maps.prefixes4, limits.vips4);
    ::bpf_map__set_max_entries(skeleton.maps.prefixes6, limits.vips6);
    ::bpf_map__set_max_entries(skeleton.maps.rings, limits.ring_lines);
    ::bpf_map__set_max_entries(skeleton.maps.dests, limits.dests);
    ::bpf_map__set_max_entries(skeleton.maps.dest_counters, limits.dests);
    ::bpf_map__set_max_entries(skeleton.maps.flows, build.buckets());
    ::bpf_map__set_max_entries(skeleton.maps.owners, limits.dests);
    ::bpf_map__set_max_entries(skeleton.maps.ports, most_interfaces);
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

Datapath::Datapath(Skeleton skeleton, Build build, Settler settler, Memory memory)
    : skeleton_(std::move(skeleton)), build_(build), settler_(std::move(settler)), memory_(std::move(memory)) {}

Result<Datapath> Datapath::load(Build build, const std::optional<Generation>& former) {
    const LibbpfLog log;
    Skeleton skeleton(lb_bpf::open());
    if (!skeleton) return failure("open", "the BPF program", errno, LibbpfLog::tail());
    if (!former) CHECK_OK(draw_key(build.config));
    skeleton->rodata->config = build.config;
    size_maps(*skeleton, build);
    std::vector<Replaced> replaced;
    if (former) {
        TRY(replaced, share_maps(*skeleton, *former));
    }
    if (const int error = lb_bpf::load(skeleton.get()); error < 0)
        return failure("load", "the BPF program", -error, LibbpfLog::tail(), privilege(-error));
    if (former) CHECK_OK(map_state(*skeleton));
    CHECK_OK(copy_maps(*skeleton, replaced));

    TRY(auto settler, Settler::open());
    TRY(auto vips4, map_memory<lb_vip4_line>(skeleton->maps.vips4));
    TRY(auto vips6, map_memory<lb_vip6_line>(skeleton->maps.vips6));
    TRY(auto rings, map_memory<lb_ring_line>(skeleton->maps.rings));
    TRY(auto dests, map_memory<lb_dest>(skeleton->maps.dests));
    TRY(auto flows, map_memory<lb_bucket>(skeleton->maps.flows));
    Memory memory{std::move(vips4), std::move(vips6), std::move(rings), std::move(dests), std::move(flows)};
    Datapath datapath(std::move(skeleton), build, std::move(settler), std::move(memory));
    for (auto& [map, fd] : replaced) {
        if (map != datapath.skeleton_->maps.flows) continue;
        TRY(const std::uint32_t buckets, max_entries(fd.get()));
        TRY(auto table, MappedArray<lb_bucket>::map(fd.get(), buckets, "flows"));
        datapath.former_flows_ = std::move(table);
    }
    CHECK_OK(datapath.copy_former_flows());
    if (former) CHECK_OK(datapath.read_prefixes());
    return datapath;
}

Result<> Datapath::pin(const Generation& generation) const { return lbd::pin(*skeleton_, generation); }

Result<> Datapath::attach(const Pins& pins, std::uint32_t ifindex, const std::string& name, XdpMode mode) {
    CHECK_OK(pins.attach(program(), ifindex, mode == XdpMode::generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE));
    if (::bpf_map_update_elem(::bpf_map__fd(skeleton_->maps.ports), &ifindex, &ifindex, BPF_ANY) == 0) return {};
    const int error = errno;
    (void)detach(pins, ifindex);
    return failure("register for redirects", name, error);
}

Result<std::uint32_t> Datapath::program_id() const {
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    if (::bpf_obj_get_info_by_fd(program(), &info, &size) < 0) return failure("read", "the BPF program", errno);
    return info.id;
}

int Datapath::program() const { return ::bpf_program__fd(skeleton_->progs.lb); }
int Datapath::passing_program() const { return ::bpf_program__fd(skeleton_->progs.jiffies); }

Result<> Datapath::detach(const PinnedLink& link) {
    CHECK_OK(Pins::detach(link));
    forget_port(link.ifindex);
    return {};
}

void Datapath::forget_port(std::uint32_t ifindex) {
    (void)::bpf_map_delete_elem(::bpf_map__fd(skeleton_->maps.ports), &ifindex);
}

Result<> Datapath::detach(const Pins& pins, std::uint32_t ifindex) {
    for (const PinnedLink& link : pins.links())
        if (link.ifindex == ifindex) CHECK_OK(detach(link));
    return {};
}

bool Datapath::set_own(Own own) {
    lb_own& present = skeleton_->data_own->own;
    if (own == own_) return present.any_mac == 0;
    own_ = std::move(own);
    lb_own wanted = own_table(own_, build_.config.redirect != 0);
    const auto put = [](auto& to, auto& from) {
        for (std::size_t i = 0; i < std::size(to); ++i)
            std::atomic_ref(to[i]).store(from[i], std::memory_order_relaxed);
    };
    for (std::size_t line = 0; line < LB_MAC_LINES; ++line) put(present.macs[line], wanted.macs[line]);
    put(present.vlans, wanted.vlans);
    std::atomic_ref(present.any_mac).store(wanted.any_mac, std::memory_order_relaxed);
    return wanted.any_mac == 0;
}

void Datapath::set_unfinished(lb_unfinished unfinished) {
    std::atomic_ref(skeleton_->data_own->own.unfinished).store(unfinished, std::memory_order_relaxed);
}

Result<> Datapath::leave_former() {
    CHECK_OK(copy_former_flows());
    former_flows_.reset();
    return {};
}

void Datapath::resume(const Datapath& other) {
    vips4_ = {};
    vips6_ = {};
    prefixes_.clear();
    (void)read_prefixes();
    if (flows().size() == other.flows().size()) return;  // it is the same table
    if (const auto now = flow_time()) copy_flows(other.flows(), flows(), *now);
}

Result<> Datapath::copy_former_flows() {
    if (!former_flows_) return {};
    TRY(const std::uint16_t now, flow_time());
    copy_flows(former_flows_->values(), flows(), now);
    return {};
}

Result<> Datapath::read_prefixes() {
    const auto read = [this](const bpf_map* trie, auto key) {
        const int fd = ::bpf_map__fd(trie);
        for (bool more = ::bpf_map_get_next_key(fd, nullptr, &key) == 0; more;
             more = ::bpf_map_get_next_key(fd, &key, &key) == 0)
            prefixes_.insert(vip(key));
    };
    read(skeleton_->maps.prefixes4, lb_prefix4{});
    read(skeleton_->maps.prefixes6, lb_prefix6{});
    return {};
}

Result<Image> Datapath::read_image() const {
    CHECK_OK(settler_.settle());  // an earlier process may have left in the middle of its edits
    Image image;
    const std::uint32_t half = skeleton_->bss->vips_half & 1;
    for (const auto& [key, service] : vip_entries<lb_vip4_line>(half_of(memory_.vips4.values(), half)))
        image.vips[vip_key(key)] = service;
    for (const auto& [key, service] : vip_entries<lb_vip6_line>(half_of(memory_.vips6.values(), half)))
        image.vips[vip_key(key)] = service;
    for (const auto& [key, service] : image.vips) {
        if (service.ring_size == 0) continue;
        Digest digest = 0;
        std::memcpy(&digest, memory_.rings.values()[service.ring + lines(service.ring_size) - 1].dest, sizeof digest);
        image.tables[digest] = {.line = service.ring, .ring = {.size = service.ring_size, .contenders = {}}};
    }
    Owners owners;
    const int fd = ::bpf_map__fd(skeleton_->maps.owners);
    std::uint32_t id = 0;
    for (bool more = ::bpf_map_get_next_key(fd, nullptr, &id) == 0; more;
         more = ::bpf_map_get_next_key(fd, &id, &id) == 0)
        if (::bpf_map_lookup_elem(fd, &id, &owners[id]) < 0) return failure("read", "the owners of ids", errno);
    for (const auto& [owned, owner] : owners) {
        const lb_dest& dest = memory_.dests.values()[owned];
        const lb_dest_body& body = dest.slot[dest.slot[0].active & 1].body;
        if (body.action != LB_ACTION_NONE) image.dests.emplace_hint(image.dests.end(), owned, body);
    }
    image.ids = ids_of(owners);
    return image;
}

Result<std::vector<lb_counters>> Datapath::counters(std::uint32_t end) const {
    constexpr std::uint32_t at_once = 1024;
    const bpf_map* const map = skeleton_->maps.dest_counters;
    const auto cpus = static_cast<std::size_t>(::libbpf_num_possible_cpus());
    std::vector<lb_counters> sums(end), values(at_once * cpus);
    std::vector<std::uint32_t> ids(at_once);
    std::uint32_t last = 0;  // of the batch before
    for (std::uint32_t first = 0; first < end;) {
        std::uint32_t count = std::min(at_once, end - first);
        if (::bpf_map_lookup_batch(::bpf_map__fd(map), first == 0 ? nullptr : &last, &last, ids.data(), values.data(),
                                   &count, nullptr) < 0)
            return failure("read BPF map", ::bpf_map__name(map), errno);
        for (std::size_t i = 0; i < count * cpus; ++i) {
            lb_counters& sum = sums[first + i / cpus];
            sum.packets += values[i].packets;
            sum.bytes += values[i].bytes;
            sum.flows += values[i].flows;
        }
        first += count;
    }
    return sums;
}

Result<ReasonCounts> Datapath::reasons() const { return read_sums<LB_REASON_COUNT>(skeleton_->maps.reasons); }
Result<EventCounts> Datapath::events() const { return read_sums<LB_EVENT_COUNT>(skeleton_->maps.events); }

Result<std::optional<Latency>> Datapath::latency() const {
    if (build_.config.latency == 0) return std::nullopt;
    TRY(const auto values, read_per_cpu<lb_latency>(skeleton_->maps.latency, 0));
    Latency sum;
    for (const lb_latency& value : values) sum += value;
    return sum;
}

int Datapath::reason_counts() const { return ::bpf_map__fd(skeleton_->maps.reasons); }

int Datapath::dests() const { return ::bpf_map__fd(skeleton_->maps.dests); }

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
