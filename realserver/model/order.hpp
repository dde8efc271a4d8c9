// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <variant>

#include "realserver/model/state.hpp"

/// The orders in which kinds of settings are set up, removed and shown.
namespace culvert::realserver {

using Kinds = std::array<Kind, std::variant_size_v<Item>>;

/// The order of the enum.
inline constexpr Kinds setup_order{Kind::module, Kind::device, Kind::sysctl, Kind::vip, Kind::table,
                                   Kind::mode,   Kind::link,   Kind::decap,  Kind::port};
inline constexpr Kinds teardown_order{Kind::port, Kind::decap,  Kind::link,   Kind::mode,  Kind::table,
                                      Kind::vip,  Kind::sysctl, Kind::device, Kind::module};
/// Used by `status`.
inline constexpr Kinds display_order{Kind::module, Kind::device, Kind::sysctl, Kind::vip, Kind::table,
                                     Kind::mode,   Kind::link,   Kind::decap,  Kind::port};

/// The position of a kind in an order.
[[nodiscard]] constexpr std::size_t rank(const Kinds& order, Kind kind) {
    return static_cast<std::size_t>(std::ranges::find(order, kind) - order.begin());
}

/// Settings that open a way for packets into this host.
inline constexpr std::array ways_in_kinds{Kind::mode, Kind::link, Kind::decap, Kind::port};

[[nodiscard]] constexpr bool is_way_in(Kind kind) {
    return std::ranges::find(ways_in_kinds, kind) != ways_in_kinds.end();
}

namespace order_check {

constexpr bool has_each_kind(Kinds order) {
    std::ranges::sort(order);
    return order == setup_order;
}

constexpr bool in_enums_order(const Kinds& order) {
    for (std::size_t place = 0; place < order.size(); ++place)
        if (order.at(place) != static_cast<Kind>(place)) return false;
    return true;
}

/// The guard is in place as long as any way in is open.
constexpr bool is_guarded() {
    return std::ranges::all_of(ways_in_kinds, [](Kind way) {
        return rank(setup_order, Kind::table) < rank(setup_order, way) &&
               rank(teardown_order, way) < rank(teardown_order, Kind::table);
    });
}

static_assert(in_enums_order(setup_order));
static_assert(has_each_kind(teardown_order) && has_each_kind(display_order));
static_assert(is_guarded());
// A device's settings are made after it is added, and reset before it is removed.
static_assert(rank(setup_order, Kind::device) < rank(setup_order, Kind::link) &&
              rank(teardown_order, Kind::link) < rank(teardown_order, Kind::device));

}  // namespace order_check

}  // namespace culvert::realserver
