// SPDX-License-Identifier: Apache-2.0
#include "lbd/reconcile/flow_sweep.hpp"

#include <algorithm>
#include <cstdint>

namespace culvert::lbd {

netlink::Result<> FlowSweep::next(const Datapath& datapath, const IdleTimes& idle) {
    TRY(const std::uint16_t now, datapath.flows().now());
    const auto table = datapath.flows().table();
    swept_ %= table.size();  // the size may have changed
    const std::size_t share = std::min(table.size() - swept_, table.size() / parts + 1);
    expire_flows(table.subspan(swept_, share), idle, now);
    swept_ += share;
    return {};
}

}  // namespace culvert::lbd
