// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/flow_table.hpp"

#include <atomic>

namespace culvert::lbd {
namespace {

constexpr std::uint32_t tag_mask = ~((1U << LB_FLOW_STATE_BITS) - 1);

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

void expire_flows(std::span<lb_bucket> table, const FlowClock& clock, std::uint16_t now) {
    for (lb_bucket& bucket : table)
        for (__u64& word : bucket.entry) {
            __u64 entry = read(word);
            if (entry != 0 && clock.is_idle(decode_flow(entry).time, now))
                std::atomic_ref(word).compare_exchange_strong(entry, 0, std::memory_order_relaxed);
        }
}

}  // namespace culvert::lbd
