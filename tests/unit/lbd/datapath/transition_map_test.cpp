// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/transition_map.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace culvert::lbd {
namespace {

/// Room for a transition, with what an earlier one left there.
std::vector<lb_transition_line> room(std::uint32_t slots) {
    std::vector<lb_transition_line> lines(lb_transition_lines(slots));
    for (auto& line : lines)
        for (auto& word : line.word) word = 0xdeadbeef;
    return lines;
}

/// All in transition, last used at `used`.
Slots moving(const std::vector<std::uint16_t>& used) {
    Slots slots(used.size());
    slots.moving.assign(used.size(), true);
    slots.former.assign(used.size(), 3);
    slots.used = used;
    return slots;
}

std::vector<std::uint16_t> times(std::vector<lb_transition_line>& lines) { return read_slots(lines).used; }

TEST(TransitionMap, ReadsWhatItWrites) {
    for (const std::uint32_t size : {1U, 16U, 101U, 511U, 512U, 513U, 2003U}) {
        auto lines = room(size);
        Slots slots(size);
        for (std::uint32_t slot = 0; slot < size; slot += 3) {
            slots.moving[slot] = true;
            slots.former[slot] = static_cast<std::uint16_t>(slot);
            slots.used[slot] = static_cast<std::uint16_t>(-slot);
        }
        write_slots(lines, slots);
        EXPECT_EQ(read_slots(lines), slots) << size;
    }
}

TEST(TransitionMap, ASlotThatSettlesLeavesTheOthersAsTheyAre) {
    auto lines = room(600);
    Slots slots = moving(std::vector<std::uint16_t>(600, 7));
    write_slots(lines, slots);
    settle_slots(lines, {0, 33, 599});
    for (const std::size_t slot : {0U, 33U, 599U}) {
        slots.moving[slot] = false;
        slots.former[slot] = LB_NO_FORMER;
        slots.used[slot] = 0;
    }
    EXPECT_EQ(read_slots(lines), slots);
}

TEST(TransitionMap, TheLaterTimeOfUseIsKept) {
    auto from = room(4);
    auto to = room(4);
    Slots before = moving({10, 20, 2, 30});
    before.moving[3] = false;  // it was settled: nobody used a former backend
    write_slots(from, before);
    write_slots(to, moving({15, 15, 0xfffe, 25}));
    keep_times(from, to);
    EXPECT_EQ(times(to), (std::vector<std::uint16_t>{15, 20, 2, 25})) << "time wraps";
}

TEST(TransitionMap, WhatWasLongAgoStaysLongAgo) {
    auto lines = room(3);
    write_slots(lines, moving({0, 30000, 65000}));
    std::uint16_t now = 100;
    for (int day = 0; day < 20; ++day, now = static_cast<std::uint16_t>(now + 10000)) {
        hold_times(lines, now);
        if (day == 0) {
            EXPECT_EQ(times(lines)[2], 65000U) << "it is not long ago";
        }
        if (day < 8) continue;
        for (const std::uint16_t used : times(lines)) EXPECT_GT(static_cast<std::int16_t>(now - used), 10000);
    }
}

}  // namespace
}  // namespace culvert::lbd
