// SPDX-License-Identifier: Apache-2.0
#include "lbd/forecast/census.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <span>

#include "lbd/datapath/flow_table.hpp"

namespace culvert::lbd {
namespace {

constexpr std::size_t buckets_at_once = 1U << 15;  // 2 MiB

}  // namespace

netlink::Result<bool> Census::look(const FlowMap& flows, Exchange& exchange) {
    if (flows.part().is_changing()) {  // an entry may have two places
        next_ = 0;
        return false;
    }
    if (next_ == 0 || part_ != flows.part()) {
        part_ = flows.part();
        next_ = 0;
        tally_.clear();
    }
    TRY(const std::uint16_t now, flows.now());
    const std::uint16_t closed = flows.clock().units(closed_after);
    const auto table = flows.table();
    const std::size_t end = std::min(next_ + buckets_at_once, table.size());
    for (; next_ < end; ++next_)
        for (std::size_t way = 0; way < LB_FLOW_WAYS; ++way) {
            const std::uint64_t entry = std::atomic_ref(table[next_].entry[way]).load(std::memory_order_relaxed);
            if (entry == 0) continue;
            const Flow flow = decode_flow(entry);
            const bool has_ended =
                flow.is_of_fragments() || (flow.is_closing() && FlowClock::is_idle(flow.time, now, closed));
            if (!has_ended && !exchange.is_heard(flows, next_ * LB_FLOW_WAYS + way, entry)) tally_.see(flow);
        }
    return next_ == table.size();
}

}  // namespace culvert::lbd
