// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "bpf/abi.h"
#include "lbd/model/slots.hpp"

/// Slots in transition, in the map's own memory. Packets store times of use there at the same time. `at`: the memory
/// from the first line of a transition on.
namespace culvert::lbd {

using TransitionLines = std::span<lb_transition_line>;

[[nodiscard]] Slots read_slots(TransitionLines at);
/// For lines that no packet reads.
void write_slots(TransitionLines at, const Slots& slots);

[[nodiscard]] bool is_moving(TransitionLines at, std::uint32_t slot);

/// What a slot in transition has.
struct MovingSlot {
    std::uint32_t slot = 0;
    std::uint16_t former = LB_NO_FORMER;  ///< backend of connections without an entry
    std::uint16_t used = 0;               ///< when a packet was last sent to it, in units of FlowClock
    auto operator<=>(const MovingSlot&) const = default;
};
/// Begins the transition of a slot. One that is in transition keeps its former backend, if it has one, and takes over a
/// later time. Returns what it has then.
MovingSlot begin_slot(TransitionLines at, const MovingSlot& moving);
/// Ends the transition of these slots.
void settle_slots(TransitionLines at, const std::vector<std::uint32_t>& slots);
/// Connections of these slots that have no entry go to the present backend from `now` on.
void leave_formers(TransitionLines at, const std::vector<std::uint32_t>& slots, std::uint16_t now);
/// Takes over the later times of use, of slots that are in transition in both. Both must have as many slots.
void keep_times(TransitionLines from, TransitionLines to);
/// A time that is long ago becomes a later one that still is, before it wraps.
void hold_times(TransitionLines at, std::uint16_t now);

}  // namespace culvert::lbd
