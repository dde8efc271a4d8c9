// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

#include "bpf/abi.h"

namespace culvert::lbd {

struct Reason {
    std::string_view name;  ///< "no_neighbour"
    std::string_view text;
};

/// The other counters, indexed by enum lb_event.
inline constexpr std::array<Reason, LB_EVENT_COUNT> events{{
#define CULVERT_EVENT(identifier, name, text) {name, text},
    LB_EVENTS(CULVERT_EVENT)
#undef CULVERT_EVENT
}};

/// The drop reasons, indexed by enum lb_reason.
inline constexpr std::array<Reason, LB_REASON_COUNT> reasons{{
#define CULVERT_REASON(identifier, name, text) {name, text},
    LB_REASONS(CULVERT_REASON)
#undef CULVERT_REASON
}};

}  // namespace culvert::lbd
