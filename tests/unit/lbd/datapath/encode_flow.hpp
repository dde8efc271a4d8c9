// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "lbd/datapath/flow_table.hpp"

namespace culvert::lbd {

/// An entry of the flow table, as the program enters it.
inline std::uint64_t encode_flow(const Flow& flow) {
    return std::uint64_t{flow.time} << LB_FLOW_TIME_SHIFT | std::uint64_t{flow.dest} << LB_FLOW_DEST_SHIFT | flow.tag |
           flow.state;
}

}  // namespace culvert::lbd
