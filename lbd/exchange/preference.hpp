// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "lbd/model/choice.hpp"

namespace culvert::lbd {

/// An entry of a flow, on this balancer or another one.
struct FlowClaim {
    std::string_view backend;  ///< its name
    Choice choice;
    std::uint16_t age = 0;    ///< since its last packet, in units of FlowClock
    std::uint8_t lasted = 0;  ///< LB_FLOW_AGE_OF() its state
};

/// Which of two entries of a flow counts.
struct Preference {
    bool is_foreign = false;
    bool is_same = false;  ///< they have the same backend
    /// Each balancer that knows both finds the same. So the one that told of the other entry must hear of this one.
    bool is_final = false;
};
[[nodiscard]] Preference preference(const FlowClaim& own, const FlowClaim& foreign);

}  // namespace culvert::lbd
