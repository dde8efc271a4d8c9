// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bpf/abi.h"

namespace culvert::lbd {

/// The slots of a service while some of them are in transition: see map `transitions` in bpf/abi.h. Indexed by slot.
struct Slots {
    std::vector<bool> moving;           ///< the slot is in transition
    std::vector<std::uint16_t> former;  ///< backend of connections without an entry, or LB_NO_FORMER
    std::vector<std::uint16_t> used;    ///< when a packet was last sent to it, in units of FlowClock

    Slots() = default;
    explicit Slots(std::size_t size) : moving(size), former(size, LB_NO_FORMER), used(size) {}
    [[nodiscard]] std::size_t size() const { return moving.size(); }
    bool operator==(const Slots&) const = default;
};

}  // namespace culvert::lbd
