// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/slots.hpp"

#include <cassert>

namespace culvert::lbd {
namespace {

/// The first tag of a slot: lb_slot() of it is the slot. Tags have 32 bits, of which the lowest are zero.
std::uint64_t first_tag(std::size_t slot, std::size_t slots) {
    const std::uint64_t exact = ((std::uint64_t{slot} << 32) + slots - 1) / slots;
    constexpr std::uint64_t step = 1U << LB_FLOW_STATE_BITS;
    return (exact + step - 1) / step * step;
}

}  // namespace

std::uint16_t entry_at(MaglevTable table, std::size_t slot, std::size_t slots) {
    if (table.empty()) return LB_NO_FORMER;
    const auto tag = static_cast<std::uint32_t>(first_tag(slot, slots));
    return table[lb_slot(tag, static_cast<std::uint32_t>(table.size()))];
}

Slots unknown_slots(std::size_t size, std::uint16_t now) {
    Slots slots(size);
    slots.moving.assign(size, true);
    slots.used.assign(size, now);
    return slots;
}

Slots slots_after(const Slots& before, MaglevTable from, MaglevTable to, std::span<const std::uint16_t> kept, bool all,
                  std::uint16_t now) {
    const auto present = [&](std::uint16_t value) {
        return value < kept.size() ? kept[value] : std::uint16_t{LB_NO_FORMER};
    };
    const bool was_moving = before.size() != 0;
    Slots after(was_moving ? before.size() : from.size());
    const bool is_same_size = from.size() == after.size() && to.size() == after.size();
    for (std::size_t slot = 0; slot < after.size(); ++slot) {
        const bool moved = was_moving && before.moving[slot];
        assert(moved || from.size() == after.size());
        std::uint16_t was = moved ? before.former[slot] : from[slot];
        if (was == LB_NO_FORMER) was = entry_at(from, slot, after.size());  // there its connections went then
        const std::uint16_t former = present(was);
        after.moving[slot] = all || moved || !is_same_size || former != to[slot];
        if (!after.moving[slot]) continue;
        after.former[slot] = former == LB_NO_FORMER ? entry_at(to, slot, after.size()) : former;
        after.used[slot] = moved ? before.used[slot] : now;
    }
    return after;
}

Finished finished(const Slots& slots, const std::vector<bool>& awaited, bool whole, Settling settling,
                  std::uint16_t now, std::uint16_t idle) {
    Finished done;
    const bool alone = settling == Settling::alone;
    for (std::uint32_t slot = 0; slot < slots.size(); ++slot) {
        if (!slots.moving[slot]) continue;
        const bool is_left = slots.former[slot] == LB_NO_FORMER;
        const auto age = static_cast<std::int16_t>(now - slots.used[slot]);
        const int least = alone || !is_left ? idle : idle + time_to_leave;
        if (age > least && !awaited[slot])
            (alone || is_left ? done.settled : done.left).push_back(slot);
        else if (whole)
            return {};
    }
    if (whole && !done.left.empty()) done.settled.clear();
    return done;
}

}  // namespace culvert::lbd
