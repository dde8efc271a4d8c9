// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/flow_map.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

#include "lb.skel.h"
#include "lbd/datapath/flow_table.hpp"
#include "lbd/datapath/former_abi.hpp"

namespace culvert::lbd {

using netlink::failure;
using netlink::Result;

namespace {

constexpr std::size_t moved_at_once = 1U << 15;  // buckets: some milliseconds

}  // namespace

Result<FlowMap> FlowMap::open(const lb_bpf& skeleton, const std::vector<Replaced>& replaced,
                              const std::optional<Generation>& former, const common::SlowCall& slow) {
    TRY(auto table, MappedArray<lb_bucket>::map(skeleton.maps.flows));
    TRY(auto settler, Settler::open(slow));
    FlowMap flows(skeleton, std::move(table), std::move(settler));
    if (!former) {
        const unsigned least = most_halved(flows.capacity());
        flows.set_part({.shift = least, .former = least});
    }
    for (const auto& [map, fd] : replaced) {
        if (map != skeleton.maps.flows) continue;
        TRY(const std::uint32_t buckets, max_entries(fd.get()));
        TRY(auto before, MappedArray<lb_bucket>::map(fd.get(), buckets, "flows"));
        if (former && former->abi == former_abi) {
            flows.former_index_ = FlowIndex::of_hash;
        } else {
            // Both programs have the same variables.
            std::swap(flows.table_, before);
            CHECK_OK(flows.use_whole());
            std::swap(flows.table_, before);
        }
        flows.former_ = std::move(before);
    }
    CHECK_OK(flows.copy_former());
    return flows;
}

FlowMap::FlowMap(FlowMap&& other) noexcept = default;
FlowMap& FlowMap::operator=(FlowMap&& other) noexcept = default;
FlowMap::~FlowMap() = default;

std::span<lb_bucket> FlowMap::table() const {
    const auto [shift, former] = part();
    return table_.values().first(capacity() >> std::min(shift, former));
}

FlowPart FlowMap::part() const {
    const std::uint32_t word = std::atomic_ref(skeleton_->bss->flow_part).load(std::memory_order_relaxed);
    return {.shift = LB_FLOW_PART_SHIFT(word), .former = LB_FLOW_PART_FORMER(word)};
}

void FlowMap::set_part(FlowPart part) {
    const std::uint32_t word = LB_FLOW_PART(part.shift, part.former);
    std::atomic_ref(skeleton_->bss->flow_part).store(word, std::memory_order_relaxed);
    moved_ = 0;
}

Result<> FlowMap::use_part(unsigned shift) {
    set_part({.shift = shift, .former = part().shift});
    return settler_.settle();
}

Result<> FlowMap::move() {
    const FlowPart part = this->part();
    if (!part.is_changing()) return {};
    TRY(const std::uint16_t time, now());
    FlowMoves moves(table_.values(), part, time);
    const auto [begin, end] = FlowMoves::range(capacity(), part);
    const std::size_t first = begin + moved_, last = std::min(end, first + moved_at_once);
    if (!moves.copy({.begin = first, .end = last}) && part.shift > part.former) return use_part(part.former);
    do {
        CHECK_OK(settler_.settle());
    } while (!moves.free_copied());
    moved_ = last - begin;
    if (last == end) set_part({.shift = part.shift, .former = part.shift});
    return {};
}

Result<> FlowMap::use_whole() {
    while (part().is_changing()) CHECK_OK(move());
    if (part().shift != 0) CHECK_OK(use_part(0));
    while (part().is_changing()) CHECK_OK(move());
    return {};
}

Result<std::uint16_t> FlowMap::now() const {
    return long_now().map([](std::uint16_t time) { return static_cast<std::uint16_t>(time & LB_FLOW_TIME_MAX); });
}

Result<std::uint16_t> FlowMap::long_now() const {
    std::array<std::uint8_t, 64> frame{};
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame.data();
    options.data_size_in = frame.size();
    if (::bpf_prog_test_run_opts(::bpf_program__fd(skeleton_->progs.jiffies), &options) < 0)
        return failure("run", "the program `jiffies`", errno);
    return clock_.long_time(skeleton_->bss->jiffies_now);
}

unsigned FlowMap::sampled() const { return sample_shift(skeleton_->bss->sample_mask); }

void FlowMap::sample(unsigned shift) {
    std::atomic_ref(skeleton_->bss->sample_mask).store(sample_mask(shift), std::memory_order_relaxed);
}

Result<> FlowMap::leave_former() {
    CHECK_OK(copy_former());
    former_.reset();
    return {};
}

void FlowMap::take_from(const FlowMap& other) {
    if (capacity() == other.capacity()) return;  // both have the same table
    if (const auto time = now()) copy_flows(other.table_.values(), table_.values(), *time);
}

Result<> FlowMap::copy_former() const {
    if (!former_) return {};
    TRY(const std::uint16_t time, now());
    copy_flows(former_->values(), table_.values(), time, former_index_);
    return {};
}

}  // namespace culvert::lbd
