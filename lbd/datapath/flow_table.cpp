// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/flow_table.hpp"

#include <algorithm>
#include <atomic>

namespace culvert::lbd {
namespace {

constexpr std::uint32_t tag_mask = ~((1U << LB_FLOW_STATE_BITS) - 1);

constexpr std::chrono::minutes closing_time{2};

std::uint64_t read(__u64& word) { return std::atomic_ref(word).load(std::memory_order_relaxed); }

}  // namespace

Flow decode_flow(std::uint64_t entry) {
    const auto low = static_cast<std::uint32_t>(entry);
    return {.dest = static_cast<std::uint32_t>(entry >> LB_FLOW_DEST_SHIFT) & (LB_DEST_MAX - 1),
            .tag = low & tag_mask,
            .time = static_cast<std::uint16_t>(entry >> LB_FLOW_TIME_SHIFT),
            .state = static_cast<std::uint8_t>(low & ~tag_mask)};
}

std::uint64_t encode_flow(const Flow& flow) {
    return std::uint64_t{flow.time} << LB_FLOW_TIME_SHIFT | std::uint64_t{flow.dest} << LB_FLOW_DEST_SHIFT | flow.tag |
           flow.state;
}

void count_flows(std::span<lb_bucket> table, std::span<FlowCount> counts) {
    for (lb_bucket& bucket : table)
        for (__u64& word : bucket.entry) {
            const Flow flow = decode_flow(read(word));
            if (flow.dest == 0 || flow.dest >= counts.size()) continue;
            ++(flow.is_closing() ? counts[flow.dest].closing : counts[flow.dest].live);
        }
}

std::uint16_t IdleTimes::of(const Flow& flow) const {
    const std::uint16_t idle = flow.dest < by_dest.size() ? by_dest[flow.dest] : other;
    return flow.is_closing() ? std::min(idle, closing) : idle;
}

IdleTimes idle_times(const Config& config, const Ids& ids, const FlowClock& clock) {
    IdleTimes idle{.by_dest = {}, .other = clock.units(config.flows.idle), .closing = clock.units(closing_time)};
    for (const Service& service : config.services) {
        const auto& backends = ids.at(service.name).backends;
        if (backends.empty()) continue;
        if (const std::size_t size = backends.rbegin()->first + 1; size > idle.by_dest.size())
            idle.by_dest.resize(size, idle.other);
        for (const auto& [id, backend] : backends) idle.by_dest[id] = clock.units(service.idle);
    }
    return idle;
}

void expire_flows(std::span<lb_bucket> table, const IdleTimes& idle, std::uint16_t now) {
    for (lb_bucket& bucket : table)
        for (__u64& word : bucket.entry) {
            __u64 entry = read(word);
            if (entry == 0) continue;
            const Flow flow = decode_flow(entry);
            if (FlowClock::is_idle(flow.time, now, idle.of(flow)))
                std::atomic_ref(word).compare_exchange_strong(entry, 0, std::memory_order_relaxed);
        }
}

}  // namespace culvert::lbd
