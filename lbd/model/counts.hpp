// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "bpf/abi.h"

/// What is counted for the balancer as a whole, and for one backend.
namespace culvert::lbd {

/// By enum lb_reason.
using ReasonCounts = std::array<std::uint64_t, LB_REASON_COUNT>;
/// By enum lb_event.
using EventCounts = std::array<std::uint64_t, LB_EVENT_COUNT>;

/// Flows in the table.
struct FlowCount {
    std::uint64_t live = 0;
    std::uint64_t closing = 0;  ///< their client sent FIN or RST, and then nothing for closed_after; and fragments
    bool operator==(const FlowCount&) const = default;
};

}  // namespace culvert::lbd
