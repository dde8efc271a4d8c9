// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "lbd/datapath/datapath.hpp"
#include "lbd/datapath/flow_table.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Frees idle entries of the flow table in rounds. Each call sweeps a part.
class FlowSweep {
  public:
    static constexpr std::size_t parts = 16;  ///< per round

    [[nodiscard]] netlink::Result<> next(const Datapath& datapath, const IdleTimes& idle);

  private:
    std::size_t swept_ = 0;  // buckets swept in this round
};

}  // namespace culvert::lbd
