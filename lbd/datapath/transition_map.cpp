// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/transition_map.hpp"

#include <atomic>
#include <bit>
#include <cassert>
#include <cstring>

namespace culvert::lbd {
namespace {

static_assert(std::endian::native == std::endian::little, "the upper half of a word is its second");

constexpr std::int16_t long_ago = INT16_MAX / 2;

std::uint32_t slots_of(TransitionLines at) { return at[0].word[0]; }

std::uint32_t& bits(TransitionLines at, std::uint32_t slot) {
    return at[1 + slot / LB_TRANSITION_BITS].word[slot / 32 % LB_TRANSITION_WORDS];
}

/// Calls `use` for each slot in transition. Settled ones cost next to nothing.
template <typename Use>
void for_each_moving(TransitionLines at, const Use& use) {
    for (std::uint32_t first = 0; first < slots_of(at); first += 32)
        for (std::uint32_t left = std::atomic_ref(bits(at, first)).load(std::memory_order_relaxed); left != 0;
             left &= left - 1)
            use(first + static_cast<std::uint32_t>(std::countr_zero(left)));
}

/// The halves of a slot's word: the former backend, and when it was last used.
std::uint16_t* word(TransitionLines at, std::uint32_t slot) {
    const std::uint32_t line = lb_transition_head(slots_of(at)) + slot / LB_TRANSITION_WORDS;
    return reinterpret_cast<std::uint16_t*>(&at[line].word[slot % LB_TRANSITION_WORDS]);
}

std::atomic_ref<std::uint16_t> time(TransitionLines at, std::uint32_t slot) {
    return std::atomic_ref(word(at, slot)[1]);
}

std::int16_t age(std::uint16_t then, std::uint16_t now) { return static_cast<std::int16_t>(now - then); }

void raise_time(TransitionLines at, std::uint32_t slot, std::uint16_t used) {
    std::uint16_t present = time(at, slot).load(std::memory_order_relaxed);
    while (age(present, used) > 0 && !time(at, slot).compare_exchange_weak(present, used)) {
    }
}

}  // namespace

bool is_moving(TransitionLines at, std::uint32_t slot) {
    return (std::atomic_ref(bits(at, slot)).load(std::memory_order_relaxed) >> slot % 32 & 1) != 0;
}

MovingSlot begin_slot(TransitionLines at, const MovingSlot& moving) {
    const std::uint32_t slot = moving.slot;
    assert(slot < slots_of(at));
    if (is_moving(at, slot)) {
        std::uint16_t none = LB_NO_FORMER;
        if (moving.former != none) std::atomic_ref(word(at, slot)[0]).compare_exchange_strong(none, moving.former);
        raise_time(at, slot, moving.used);
        return {.slot = slot, .former = word(at, slot)[0], .used = time(at, slot).load(std::memory_order_relaxed)};
    }
    // No packet reads the word before it sees the bit.
    word(at, slot)[0] = moving.former;
    word(at, slot)[1] = moving.used;
    std::atomic_ref(bits(at, slot)).fetch_or(1U << slot % 32, std::memory_order_release);
    return moving;
}

Slots read_slots(TransitionLines at) {
    Slots slots(slots_of(at));
    for_each_moving(at, [&](std::uint32_t slot) {
        slots.moving[slot] = true;
        slots.former[slot] = word(at, slot)[0];
        slots.used[slot] = time(at, slot).load(std::memory_order_relaxed);
    });
    return slots;
}

void write_slots(TransitionLines at, const Slots& slots) {
    const auto size = static_cast<std::uint32_t>(slots.size());
    std::memset(at.data(), 0, lb_transition_head(size) * sizeof at[0]);
    at[0].word[0] = size;
    for (std::uint32_t slot = 0; slot < size; ++slot) {
        word(at, slot)[0] = slots.former[slot];
        word(at, slot)[1] = slots.used[slot];
        if (slots.moving[slot]) bits(at, slot) |= 1U << slot % 32;
    }
}

void settle_slots(TransitionLines at, const std::vector<std::uint32_t>& slots) {
    for (const std::uint32_t slot : slots)
        std::atomic_ref(bits(at, slot)).fetch_and(~(1U << slot % 32), std::memory_order_relaxed);
}

void leave_formers(TransitionLines at, const std::vector<std::uint32_t>& slots, std::uint16_t now) {
    for (const std::uint32_t slot : slots) {
        std::atomic_ref(word(at, slot)[0]).store(LB_NO_FORMER, std::memory_order_relaxed);
        time(at, slot).store(now, std::memory_order_relaxed);
    }
}

void keep_times(TransitionLines from, TransitionLines to) {
    for_each_moving(to, [&](std::uint32_t slot) {
        if (!is_moving(from, slot)) return;
        raise_time(to, slot, time(from, slot).load(std::memory_order_relaxed));
    });
}

void hold_times(TransitionLines at, std::uint16_t now) {
    for_each_moving(at, [&](std::uint32_t slot) {
        std::uint16_t then = time(at, slot).load(std::memory_order_relaxed);
        if (age(then, now) > long_ago)
            time(at, slot).compare_exchange_strong(then, static_cast<std::uint16_t>(now - long_ago));
    });
}

}  // namespace culvert::lbd
