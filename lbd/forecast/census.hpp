// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>

#include "lbd/datapath/flow_map.hpp"
#include "lbd/exchange/exchange.hpp"
#include "lbd/forecast/tally.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Goes through the flow table once, a piece at a time, and counts the live connections that a change concerns. Those
/// that only another balancer has seen are left out: that one counts them. If it is gone, nobody does before their
/// packets come here.
class Census {
  public:
    explicit Census(Tally tally) : tally_(std::move(tally)) {}

    /// Looks at some milliseconds' worth of the table. True if that was the last piece.
    [[nodiscard]] netlink::Result<bool> look(const FlowMap& flows, Exchange& exchange);
    [[nodiscard]] const Tally& tally() const { return tally_; }

  private:
    Tally tally_;
    FlowPart part_;
    std::size_t next_ = 0;  // bucket
};

}  // namespace culvert::lbd
