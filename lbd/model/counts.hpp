// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "bpf/abi.h"

/// Counters of the whole balancer and of one backend.
namespace culvert::lbd {

/// Indexed by enum lb_reason.
using ReasonCounts = std::array<std::uint64_t, LB_REASON_COUNT>;
/// Indexed by enum lb_event.
using EventCounts = std::array<std::uint64_t, LB_EVENT_COUNT>;

/// Flows that last.
struct FlowCount {
    std::uint64_t live = 0;
    std::uint64_t closing = 0;  ///< after the client's FIN or RST, nothing came for closed_after; also fragments
    std::uint64_t entries = 0;  ///< in the flow table
    bool estimated = false;     ///< live and closing flows, from a sample that is in the flow table
    bool operator==(const FlowCount&) const = default;
};

}  // namespace culvert::lbd
