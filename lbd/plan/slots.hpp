// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lbd/model/slots.hpp"

/// What becomes of the slots of a service, as values only.
namespace culvert::lbd {

using MaglevTable = std::span<const std::uint16_t>;

/// The slots when the table becomes another one. An unknown connection stays with the backend that it has, and goes to
/// the present one if that backend has no value any more.
///
/// `before`: those in transition until now; without any, all slots of `from` are settled. An empty table: no backend
/// takes new flows. `kept`, `all`: as in TableChange. `now` is in units of FlowClock.
///
/// The slots are those of `before`, or of `from`: a table of another size has others, so all of them are in transition.
[[nodiscard]] Slots slots_after(const Slots& before, MaglevTable from, MaglevTable to,
                                std::span<const std::uint16_t> kept, bool all, std::uint16_t now);

/// Slots of which only the flow table knows where connections are.
[[nodiscard]] Slots unknown_slots(std::size_t size, std::uint16_t now);

/// The entry of a table for the first flow of a slot, if there are `slots` of them.
[[nodiscard]] std::uint16_t entry_at(MaglevTable table, std::size_t slot, std::size_t slots);

/// The slots in transition that are so no longer: nobody has used the former backend for `idle`, and none of `awaited`
/// has an entry that names another backend than the table. `whole`: all of them or none. Times are in units of
/// FlowClock.
[[nodiscard]] std::vector<std::uint32_t> settled(const Slots& slots, const std::vector<bool>& awaited, bool whole,
                                                 std::uint16_t now, std::uint16_t idle);

}  // namespace culvert::lbd
