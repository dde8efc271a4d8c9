// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "lbd/model/exceptions.hpp"
#include "lbd/model/image.hpp"
#include "lbd/model/service.hpp"

namespace culvert::lbd {

/// Where connections of a service are that have no entry in the flow table.
struct OwnSlots {
    TablePlace table;
    std::uint32_t line = 0;  ///< of the transition; 0: all slots are settled
    auto operator<=>(const OwnSlots&) const = default;
};
/// Of the ports that follow a table; equal ones once.
[[nodiscard]] std::vector<OwnSlots> own_slots(const Service& service, const Image& image);
/// 0: no backend takes new flows, and there are no connections.
[[nodiscard]] std::uint32_t number_of(const OwnSlots& slots, const Image& image);

/// Writes what makes the table.
void tell_table(const Ring& ring, Exceptions& exceptions);
/// The table that another balancer has, with indexes in its `backends`. Empty if it has the same as `own` or one of
/// another size, has none, or does not say.
[[nodiscard]] std::vector<std::uint16_t> other_table(const Exceptions& told, const Ring& own);

}  // namespace culvert::lbd
