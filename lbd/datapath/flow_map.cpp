// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/flow_map.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

#include "lb.skel.h"
#include "lbd/datapath/flow_table.hpp"

namespace culvert::lbd {

using netlink::failure;
using netlink::Result;

Result<FlowMap> FlowMap::open(const lb_bpf& skeleton, const std::vector<Replaced>& replaced) {
    TRY(auto table, MappedArray<lb_bucket>::map(skeleton.maps.flows));
    FlowMap flows(skeleton, std::move(table));
    for (const auto& [map, fd] : replaced) {
        if (map != skeleton.maps.flows) continue;
        TRY(const std::uint32_t buckets, max_entries(fd.get()));
        TRY(auto former, MappedArray<lb_bucket>::map(fd.get(), buckets, "flows"));
        flows.former_ = std::move(former);
    }
    CHECK_OK(flows.copy_former());
    return flows;
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
    if (table().size() == other.table().size()) return;  // both have the same table
    if (const auto time = now()) copy_flows(other.table(), table(), *time);
}

Result<> FlowMap::copy_former() const {
    if (!former_) return {};
    TRY(const std::uint16_t time, now());
    copy_flows(former_->values(), table(), time);
    return {};
}

}  // namespace culvert::lbd
