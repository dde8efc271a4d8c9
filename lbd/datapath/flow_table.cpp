// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/flow_table.hpp"

#include <algorithm>
#include <atomic>
#include <bit>

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

std::uint32_t sample_mask(unsigned shift) { return ((1U << shift) - 1) << LB_FLOW_STATE_BITS; }

unsigned sample_shift(std::uint32_t mask) { return static_cast<unsigned>(std::popcount(mask)); }

void count_flows(std::span<lb_bucket> table, std::uint16_t now, std::uint16_t closed, std::span<FlowCount> counts,
                 const Sample& sample) {
    const std::uint32_t mask = sample_mask(sample.shift);
    std::vector<FlowCount> sampled(mask != 0 ? counts.size() : 0);
    for (lb_bucket& bucket : table)
        for (__u64& word : bucket.entry) {
            const Flow flow = decode_flow(read(word));
            if (flow.dest == 0 || flow.dest >= counts.size()) continue;
            const bool ended =
                flow.is_of_fragments() || (flow.is_closing() && FlowClock::is_idle(flow.time, now, closed));
            ++(ended ? counts[flow.dest].closing : counts[flow.dest].live);
            ++counts[flow.dest].entries;
            if (mask != 0 && (flow.tag & mask) == 0 && !flow.is_of_fragments())
                ++(ended ? sampled[flow.dest].closing : sampled[flow.dest].live);
        }
    for (std::uint32_t dest = 0; dest < sampled.size(); ++dest) {
        if (!sample.concerns(dest)) continue;
        counts[dest].estimated = true;
        counts[dest].live = std::max(counts[dest].live, sampled[dest].live << sample.shift);
        counts[dest].closing = std::max(counts[dest].closing, sampled[dest].closing << sample.shift);
    }
}

std::uint16_t IdleTimes::of(const Flow& flow) const {
    const std::uint16_t idle = flow.dest < by_dest.size() ? by_dest[flow.dest] : other;
    return flow.is_closing() ? std::min(idle, closing) : idle;
}

IdleTimes idle_times(const Config& config, const Ids& ids, const FlowClock& clock) {
    IdleTimes idle{.by_dest = {}, .other = clock.units(config.flows.idle), .closing = clock.units(closing_time)};
    set_idle_times(idle, config.services, ids, clock);
    return idle;
}

void set_idle_times(IdleTimes& idle, const Services& services, const Ids& ids, const FlowClock& clock) {
    for (const Service& service : services) {
        const auto& backends = ids.at(service.name).backends;
        if (backends.empty()) continue;
        if (const std::size_t size = backends.rbegin()->first + 1; size > idle.by_dest.size())
            idle.by_dest.resize(size, idle.other);
        // A service that wants no entries frees those that it had before at once.
        const std::uint16_t units = service.track == Track::none ? 0 : clock.units(service.idle);
        for (const auto& [id, backend] : backends) idle.by_dest[id] = units;
    }
}

void expire_flows(std::span<lb_bucket> table, const IdleTimes& idle, std::uint16_t now,
                  const std::function<void(const Flow&)>& kept) {
    for (lb_bucket& bucket : table)
        for (__u64& word : bucket.entry) {
            __u64 entry = read(word);
            if (entry == 0) continue;
            const Flow flow = decode_flow(entry);
            if (!FlowClock::is_idle(flow.time, now, idle.of(flow)))
                kept(flow);
            else
                std::atomic_ref(word).compare_exchange_strong(entry, 0, std::memory_order_relaxed);
        }
}

}  // namespace culvert::lbd
