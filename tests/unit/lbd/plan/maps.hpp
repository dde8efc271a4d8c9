// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "lbd/model/owners.hpp"
#include "lbd/plan/ids.hpp"
#include "lbd/plan/maglev.hpp"
#include "lbd/plan/plan.hpp"

namespace culvert::lbd {

/// The maps, as packets see them while they are edited one by one.
class Maps {
  public:
    void apply(const Edit& edit) {
        std::visit([this](const auto& one) { run(one); }, edit);
        check_that_packets_find_their_way();
    }

    void expect_equal(const Image& image) const {
        EXPECT_EQ(vips_, image.vips);
        for (const auto& [key, table] : image.tables)
            EXPECT_EQ(rings_.at(table.line), maglev_table(table.ring.contenders, table.ring.size));
        EXPECT_EQ(ids_of(owners_), image.ids);
        for (const auto& [id, body] : image.dests) EXPECT_EQ(dest(id), body) << "id " << id;
        for (const auto& [id, body] : dests_)
            EXPECT_TRUE(image.dests.contains(id) || body.action == LB_ACTION_NONE) << "id " << id;
    }

    /// What a plan needs to know beside the image.
    [[nodiscard]] Present present() const {
        return {.table = [this](const TablePlace& place) { return MaglevTable(rings_.at(place.line)); },
                .slots = [this](std::uint32_t line) { return transitions_.at(line); }};
    }

  private:
    struct Seen {
        std::uint32_t line, size, base;
        auto operator<=>(const Seen&) const = default;
    };

    void run(const SetOwner& edit) { owners_[edit.id] = edit.owner; }
    void run(const RemoveOwner& edit) { owners_.erase(edit.id); }
    void run(const SetDest& edit) {
        EXPECT_TRUE(edit.body.action == LB_ACTION_NONE || owners_.contains(edit.id)) << "id " << edit.id;
        EXPECT_TRUE(written_.insert(edit.id).second) << "id " << edit.id << " is written twice without a pause";
        dests_[edit.id] = edit.body;
    }
    void run(const WriteRing& edit) {
        const auto end = edit.line + lines(static_cast<std::uint32_t>(edit.table.size()));
        for (const Seen& seen : seen_)
            EXPECT_TRUE(end <= seen.line || edit.line >= seen.line + lines(seen.size))
                << "line " << edit.line << " is written while packets may read it";
        rings_[edit.line] = edit.table;
    }
    void run(const WriteTransition& edit) {
        const auto end = edit.line + lb_transition_lines(static_cast<std::uint32_t>(edit.slots.size()));
        for (const auto& [line, size] : seen_transitions_)
            EXPECT_TRUE(end <= line || edit.line >= line + lb_transition_lines(size))
                << "line " << edit.line << " is written while packets may read it";
        transitions_[edit.line] = edit.slots;
    }
    void run(const KeepTimes& edit) {
        EXPECT_FALSE(flipped_) << "packets still use the former slots";
        EXPECT_EQ(transitions_.at(edit.from).size(), transitions_.at(edit.to).size());
    }
    void run(const SetVips& edit) {
        EXPECT_FALSE(std::exchange(flipped_, true)) << "the other half is written while packets may read it";
        for (const VipKey& key : edit.removed) EXPECT_EQ(vips_.erase(key), 1U);
        for (const auto& [key, value] : edit.entered) vips_[key] = value;
    }
    void run(const Settle&) {
        seen_.clear();
        seen_transitions_.clear();
        written_.clear();
        flipped_ = false;
    }

    void check_that_packets_find_their_way() {
        for (const auto& [key, value] : vips_)
            if (value.ring_size != 0) seen_.insert({value.ring, value.ring_size, value.dest_base});
        for (const auto& [key, value] : vips_) {
            if (value.transition == 0) continue;
            const Slots& slots = transitions_.at(value.transition);
            seen_transitions_.emplace(value.transition, static_cast<std::uint32_t>(slots.size()));
            for (std::size_t slot = 0; slot < slots.size(); ++slot)
                if (slots.moving[slot] && slots.former[slot] != LB_NO_FORMER) {
                    EXPECT_TRUE(owners_.contains(value.dest_base + slots.former[slot])) << "slot " << slot;
                }
        }
        for (const Seen& seen : seen_) {
            ASSERT_EQ(rings_.at(seen.line).size(), seen.size);
            for (const std::uint16_t entry : rings_.at(seen.line)) {
                ASSERT_NE(dest(seen.base + entry).action, LB_ACTION_NONE);
                ASSERT_EQ(dest(seen.base + entry).flags & LB_DEST_LEFT, 0);
            }
        }
    }

    [[nodiscard]] lb_dest_body dest(std::uint32_t id) const {
        const auto it = dests_.find(id);
        return it == dests_.end() ? lb_dest_body{} : it->second;
    }

    Owners owners_;
    std::map<VipKey, lb_service> vips_;
    std::map<std::uint32_t, std::vector<std::uint16_t>> rings_;
    std::map<std::uint32_t, lb_dest_body> dests_;
    std::map<std::uint32_t, Slots> transitions_;
    std::map<std::uint32_t, std::uint32_t> seen_transitions_;  // lines and slots that packets under way may have read
    std::set<Seen> seen_;                                      // values that packets under way may have read
    std::set<std::uint32_t> written_;                          // destinations since the last pause
    bool flipped_ = false;                                     // since the last pause
};

}  // namespace culvert::lbd
