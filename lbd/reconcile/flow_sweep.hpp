// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "lbd/datapath/datapath.hpp"
#include "lbd/datapath/flow_table.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Goes through the flow table round by round, a part at a time, and frees what is idle.
class FlowSweep {
  public:
    static constexpr std::size_t parts = 16;  ///< of a round

    [[nodiscard]] netlink::Result<> next(const Datapath& datapath, const IdleTimes& idle);

  private:
    std::size_t swept_ = 0;  // buckets, in this round
};

}  // namespace culvert::lbd
