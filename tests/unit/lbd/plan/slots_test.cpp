// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/slots.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "lbd/plan/plan.hpp"
#include "lbd/reconcile/planner.hpp"
#include "tests/track/history.hpp"

namespace culvert::lbd {
namespace {

using Table = std::vector<std::uint16_t>;
constexpr std::uint16_t gone = LB_NO_FORMER;
const std::vector<std::uint16_t> all_kept{0, 1, 2};

Slots moved(const Slots& before, const Table& from, const Table& to, const std::vector<std::uint16_t>& kept = all_kept,
            std::uint16_t now = 7) {
    return slots_after(before, from, to, kept, false, now);
}

TEST(Slots, TheBackendThatASlotHadIsItsFormerOne) {
    const Slots slots = moved({}, {0, 0, 1}, {0, 2, 1});
    EXPECT_EQ(slots.moving, (std::vector<bool>{false, true, false}));
    EXPECT_EQ(slots.former[1], 0);
    EXPECT_EQ(slots.used[1], 7) << "the change counts as a use";
}

TEST(Slots, AnotherChangeLeavesTheFormerBackend) {
    const Slots first = moved({}, {0}, {1}, all_kept, 7);
    const Slots second = moved(first, {1}, {2}, all_kept, 9);
    EXPECT_TRUE(second.moving[0]);
    EXPECT_EQ(second.former[0], 0);
    EXPECT_EQ(second.used[0], 7);
}

TEST(Slots, ASlotThatComesBackToItsFormerBackendStaysInTransition) {
    const Slots back = moved(moved({}, {0}, {1}), {1}, {0});
    EXPECT_TRUE(back.moving[0]);
    EXPECT_EQ(back.former[0], 0);
    const Slots again = moved(back, {0}, {2}, all_kept, 9);
    EXPECT_EQ(again.former[0], 0);
    EXPECT_EQ(again.used[0], 7);
}

TEST(Slots, ConnectionsOfABackendThatIsGoneMoveToThePresentOne) {
    EXPECT_EQ(moved({}, {0}, {1}, {gone, 1, 2}).former[0], 1);
    EXPECT_EQ(moved(moved({}, {0}, {1}), {1}, {2}, {gone, 1, 2}).former[0], 2);
    EXPECT_EQ(moved({}, {0}, {}, {gone, 1, 2}).former[0], gone) << "there is none";
    EXPECT_EQ(moved(moved({}, {0}, {}, {gone, 1, 2}), {}, {1}).former[0], 1);
}

TEST(Slots, ABackendWithAnotherNumberIsTheSame) {
    const Slots slots = moved({}, {0, 1}, {5, 6}, {5, 6});
    EXPECT_EQ(slots.moving, (std::vector<bool>{false, false}));
    EXPECT_EQ(moved(moved({}, {0}, {1}), {1}, {6}, {5, 6}).former[0], 5);
}

TEST(Slots, OfATableOfAnotherSizeAreAllInTransition) {
    const Slots wider = moved({}, {0, 1}, {0, 0, 1});
    EXPECT_EQ(wider.moving, (std::vector<bool>{true, true}));
    EXPECT_EQ(wider.former, (std::vector<std::uint16_t>{0, 1}));
    const Slots back = moved(wider, {0, 0, 1}, {0, 1});
    EXPECT_EQ(back.moving, (std::vector<bool>{true, true}));
    EXPECT_EQ(moved({}, {0, 1}, {}).former, (std::vector<std::uint16_t>{0, 1})) << "no table";
}

TEST(Slots, TheFirstFlowOfASlotIsInIt) {
    for (const std::uint32_t size : {1U, 101U, 65537U, 16777213U})
        for (std::uint32_t slot = 0; slot < size; slot += std::max(1U, size / 977)) {
            Table table(size);
            if (size > 65537) break;
            table[slot] = 1;
            EXPECT_EQ(entry_at(table, slot, size), 1U) << slot << " of " << size;
        }
}

TEST(Settled, WhenNobodyUsesTheFormerBackendAndNoEntryIsAwaited) {
    Slots slots(4);
    slots.moving = {true, true, true, false};
    slots.used = {90, 95, 90, 0};
    const auto settled = [&](const std::vector<bool>& awaited, bool whole, std::uint16_t now) {
        return finished(slots, awaited, whole, Settling::alone, now, 5).settled;
    };
    EXPECT_EQ(settled({false, false, true, false}, false, 100), (std::vector<std::uint32_t>{0}));
    EXPECT_TRUE(settled({false, false, true, false}, true, 100).empty()) << "all or none";
    EXPECT_EQ(settled({false, false, false, false}, true, 101).size(), 3U);
    slots.used[0] = static_cast<std::uint16_t>(-3);
    EXPECT_EQ(settled({false, true, true, false}, false, 3).size(), 1U) << "time wraps";
}

TEST(Settled, WithOtherBalancersTheFormerBackendIsLeftFirst) {
    Slots slots(2);
    slots.moving = {true, true};
    slots.former = {1, 1};
    slots.used = {90, 95};
    const auto at = [&](std::uint16_t now, bool whole = false) {
        return finished(slots, {false, false}, whole, Settling::together, now, 5);
    };
    EXPECT_EQ(at(96), (Finished{.settled = {}, .left = {0}}));
    slots.former[0] = LB_NO_FORMER;
    slots.used[0] = 96;
    EXPECT_EQ(at(101), (Finished{.settled = {}, .left = {1}}));
    EXPECT_EQ(at(104), (Finished{.settled = {}, .left = {1}})) << "others may need some time";
    EXPECT_EQ(at(105), (Finished{.settled = {0}, .left = {1}}));
    EXPECT_EQ(at(105, true), (Finished{.settled = {}, .left = {1}})) << "all end together";
    slots.former[1] = LB_NO_FORMER;
    EXPECT_EQ(at(105, true), (Finished{.settled = {0, 1}, .left = {}}));
}

/// The maps and the program, as plain values: what bpf/lb.bpf.c does with a packet, with the real plan.
class Simulated final : public track::System {
  public:
    /// Connections with the same `seed` are in the same slots.
    explicit Simulated(std::uint64_t seed) : seed_(seed) {}

    void change(const track::World& world) override {
        const Limits limits{.vips4 = 64, .vips6 = 1, .ring_lines = 4096, .transition_lines = 4096, .dests = 4096};
        world_ = world;
        auto draft = planner_.draft(
            {.services = world.services(), .hops = track::World::hops(), .health = world.health()}, limits);
        ASSERT_TRUE(draft) << draft.error().message();
        const Present present{.table = [this](const TablePlace& place) { return MaglevTable(tables_.at(place.line)); },
                              .slots = [this](std::uint32_t line) { return slots_.at(line); },
                              .now = now_};
        for (const Edit& edit : planner_.edits(*draft, present))
            std::visit([this](const auto& one) { run(one); }, edit);
        planner_.take(*std::move(draft));
    }

    std::optional<unsigned> send(std::uint32_t connection, track::Segment segment) override {
        const lb_service& service = value();
        const bool opening = segment == track::Segment::syn;
        const std::uint32_t tag = tag_of(connection);
        const std::uint32_t choice = (service.flags & LB_SERVICE_STICKY) != 0 ? tag_of(connection % 5) : tag;
        const bool moving = is_moving(service, tag);
        const bool sampled = (service.flags & LB_SERVICE_ALL) != 0 || (tag >> 4 & ((1U << shift_) - 1)) == 0;
        const bool each = (service.flags & LB_SERVICE_EACH) != 0;
        const bool looks = moving || each || (!opening && sampled);
        std::uint32_t id = looks ? find(connection, segment) : 0;
        if (id != 0 && is_alive(id)) return backend_of(id);
        const std::uint32_t known = id;
        std::uint32_t former = 0;
        id = service.ring_size == 0 ? 0
                                    : service.dest_base + tables_.at(service.ring)[lb_slot(choice, service.ring_size)];
        if (moving && known == 0 && !opening) former = former_of(service, tag);
        const bool stores =
            looks && segment != track::Segment::fin && (opening ? moving : known != 0 || each || sampled);
        if (former != 0) id = former;
        if (id == 0 || !is_alive(id)) return std::nullopt;
        if (stores) entries_[connection] = {.dest = id, .used = now_, .closing = false};
        return backend_of(id);
    }

    void sweep(std::uint16_t ticks) override {
        now_ = static_cast<std::uint16_t>(now_ + ticks);
        std::erase_if(entries_, [this](const auto& entry) {
            return static_cast<std::int16_t>(now_ - entry.second.used) > track::idle_ticks;
        });
        std::set<std::uint32_t> over;
        for (const auto& [port, service] : planner_.image().vips)
            if (service.transition != 0 && settles(service)) over.insert(service.transition);
        planner_.take(planner_.without_transitions(over));
    }

    void sample(unsigned shift) override { shift_ = shift; }
    void restart() override {
        Image image = planner_.image();
        for (auto& [digest, table] : image.tables) table.ring.contenders.clear();
        planner_ = Planner(std::move(image));
        change(world_);
    }
    [[nodiscard]] bool has_transition() const override { return value().transition != 0; }

  private:
    struct Entry {
        std::uint32_t dest;
        std::uint16_t used;
        bool closing;
    };

    [[nodiscard]] std::uint32_t tag_of(std::uint32_t connection) const {
        const std::uint64_t hash = lb_vip_mix(seed_ << 32 | (connection + 1));
        return static_cast<std::uint32_t>(hash >> 32) & ~0xfU;
    }
    /// How a packet to 192.0.2.1, port 80, finds its service.
    [[nodiscard]] const lb_service& value() const {
        const auto& vips = planner_.image().vips;
        const auto tcp = static_cast<std::uint8_t>(Protocol::tcp);
        for (const char* vip : {"192.0.2.1", "192.0.2.0/28", "192.0.2.0/27"})
            for (const bool all : {false, true}) {
                const VipKey key{*netlink::Prefix::parse(vip), tcp, static_cast<std::uint16_t>(all ? 0 : 80)};
                if (const auto found = vips.find(key); found != vips.end()) return found->second;
            }
        throw std::out_of_range("no service has the packet");
    }
    /// Whether all slots are settled now.
    bool settles(const lb_service& service) {
        Slots& slots = slots_.at(service.transition);
        std::vector<bool> awaited(slots.size());
        const bool sticky = (service.flags & LB_SERVICE_EACH) != 0;
        for (const auto& [connection, entry] : entries_) {
            const std::uint32_t tag = tag_of(connection);
            const bool is_there =
                service.ring_size != 0 && is_alive(entry.dest) &&
                backend_of(entry.dest) ==
                    backend_of(service.dest_base + tables_.at(service.ring)[lb_slot(tag, service.ring_size)]);
            if (!is_there && !sticky) awaited[lb_slot(tag, static_cast<std::uint32_t>(slots.size()))] = true;
        }
        const auto [done, left] =
            finished(slots, awaited, sticky || service.ring_size != slots.size(),
                     seed_ % 2 == 0 ? Settling::alone : Settling::together, now_, track::idle_ticks);
        for (const std::uint32_t slot : done) slots.moving[slot] = false;
        for (const std::uint32_t slot : left) {
            slots.former[slot] = LB_NO_FORMER;
            slots.used[slot] = now_;
        }
        return std::ranges::count(slots.moving, true) == 0;
    }
    [[nodiscard]] bool is_alive(std::uint32_t id) const {
        const auto dest = dests_.find(id);
        return dest != dests_.end() && dest->second.action != LB_ACTION_NONE &&
               (dest->second.flags & LB_DEST_LEFT) == 0;
    }
    [[nodiscard]] unsigned backend_of(std::uint32_t id) const { return dests_.at(id).bytes[5]; }
    [[nodiscard]] bool is_moving(const lb_service& service, std::uint32_t tag) const {
        if (service.transition == 0) return false;
        const Slots& slots = slots_.at(service.transition);
        return slots.moving[lb_slot(tag, static_cast<std::uint32_t>(slots.size()))];
    }
    std::uint32_t former_of(const lb_service& service, std::uint32_t tag) {
        Slots& slots = slots_.at(service.transition);
        const std::uint64_t slot = lb_slot(tag, static_cast<std::uint32_t>(slots.size()));
        const std::uint16_t former = slots.former[slot];
        if (former == LB_NO_FORMER || !is_alive(service.dest_base + former)) return 0;
        slots.used[slot] = now_;
        return service.dest_base + former;
    }
    std::uint32_t find(std::uint32_t connection, track::Segment segment) {
        const auto entry = entries_.find(connection);
        if (entry == entries_.end()) return 0;
        if (segment == track::Segment::syn && entry->second.closing) {
            entries_.erase(entry);
            return 0;
        }
        entry->second.used = now_;
        entry->second.closing |= segment == track::Segment::fin;
        return entry->second.dest;
    }

    void run(const SetDest& edit) { dests_[edit.id] = edit.body; }
    void run(const WriteRing& edit) { tables_[edit.line] = edit.table; }
    void run(const WriteTransition& edit) { slots_[edit.line] = edit.slots; }
    template <typename Edit>
    void run(const Edit& /*edit*/) {}  // the image has the rest

    std::uint64_t seed_;
    track::World world_;
    Planner planner_{Image()};
    std::map<std::uint32_t, lb_dest_body> dests_;
    std::map<std::uint32_t, Table> tables_;
    std::map<std::uint32_t, Slots> slots_;
    std::map<std::uint32_t, Entry> entries_;
    std::uint16_t now_ = 0;
    unsigned shift_ = 0;
};

// CULVERT_HISTORIES runs more of them.
TEST(Histories, NoConnectionMovesWhoseBackendIsAlive) {
    const char* wanted = std::getenv("CULVERT_HISTORIES");
    const std::uint64_t count = wanted == nullptr ? 500 : std::strtoull(wanted, nullptr, 10);
    for (std::uint64_t seed = 1; seed <= count; ++seed) {
        const std::string fault = track::fault_of_random(
            seed, 400, [seed] { return std::make_unique<Simulated>(seed); }, seed % 2 == 0);
        ASSERT_EQ(fault, "");
    }
}

}  // namespace
}  // namespace culvert::lbd
