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

/// Slots in transition that go on.
struct Finished {
    std::vector<std::uint32_t> settled;  ///< these are in transition no longer
    std::vector<std::uint32_t> left;     ///< these have no former backend any more
    bool operator==(const Finished&) const = default;
};
/// What balancers must agree on before a slot is settled.
enum class Settling : std::uint8_t {
    alone,    ///< there is one balancer
    together  ///< none settles a slot before all have left its former backend: else connections that it does not record
              ///< any more would be with the former backend elsewhere
};
/// Long enough for all balancers to leave the former backend of a slot, in units of FlowClock.
inline constexpr std::uint16_t time_to_leave = 3;

/// The slots that nobody needs: nobody has used the former backend for `idle`, and none of `awaited` has an entry that
/// names another backend than the table. With several balancers, they first have no former backend for as long.
/// `whole`: all of them or none. Times are in units of FlowClock.
[[nodiscard]] Finished finished(const Slots& slots, const std::vector<bool>& awaited, bool whole, Settling settling,
                                std::uint16_t now, std::uint16_t idle);

}  // namespace culvert::lbd
