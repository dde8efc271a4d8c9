// SPDX-License-Identifier: Apache-2.0
#include "lbd/forecast/tally.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/unit/lbd/plan/services.hpp"

namespace culvert::lbd {
namespace {

constexpr std::uint32_t table_slots = 101;

std::uint32_t tag_in(std::uint32_t slot) {
    return ((static_cast<std::uint64_t>(slot) << 32) / table_slots + 0x10000) & ~0xfU;
}

/// Service web with backends 1 and 2. Even slots change.
class TallyTest : public testing::Test {
  protected:
    TallyTest() {
        std::vector<bool> changes(table_slots);
        for (std::uint32_t slot = 0; slot < table_slots; slot += 2) changes[slot] = true;
        turnover_.changes = std::make_shared<const std::vector<bool>>(std::move(changes));
    }

    [[nodiscard]] std::uint32_t id(const char* backend) const { return *image_.ids.at("web").current(backend); }
    [[nodiscard]] Tally tally(Sample sample = {}) const {
        const std::uint32_t base = image_.ids.at("web").base;
        const auto table = [this, base](const TablePlace& place) {
            EXPECT_EQ(place.size, table_slots);
            return std::vector<std::uint16_t>(table_slots, static_cast<std::uint16_t>(id("10.0.0.1") - base));
        };
        return {{turnover_}, image_, table, std::move(sample)};
    }
    static TurnoverCount count_of(Tally& tally, const std::vector<Flow>& flows) {
        for (const Flow& flow : flows) tally.see(flow);
        return tally.counts().at(0);
    }
    [[nodiscard]] TurnoverCount count_of(const std::vector<Flow>& flows) const {
        Tally tally = this->tally();
        return count_of(tally, flows);
    }
    [[nodiscard]] Flow flow(const char* backend, std::uint32_t slot) const {
        return {.dest = id(backend), .tag = tag_in(slot), .state = LB_FLOW_SEEN};
    }

    std::vector<Service> services_{service("web", "192.0.2.1", {backend("10.0.0.1"), backend("10.0.0.2")}),
                                   service("dns", "192.0.2.2", {backend("10.0.0.1")})};
    Image image_ = planned(services_);
    Turnover turnover_{.service = "web", .slots = table_slots, .changes = {}, .lost = {}};
};

TEST_F(TallyTest, ConnectionsInSlotsThatChangeStay) {
    EXPECT_EQ(count_of({flow("10.0.0.1", 0), flow("10.0.0.1", 1), flow("10.0.0.2", 4)}),
              (TurnoverCount{.live = 3, .stay = 2, .move = 0}));
}

TEST_F(TallyTest, ThoseOfALostBackendMoveWhereverTheyAre) {
    turnover_.lost = {"10.0.0.2"};
    EXPECT_EQ(count_of({flow("10.0.0.1", 0), flow("10.0.0.2", 1), flow("10.0.0.2", 4), flow("10.0.0.1", 3)}),
              (TurnoverCount{.live = 4, .stay = 1, .move = 2}));
}

TEST_F(TallyTest, OthersAreNotCounted) {
    const Flow other{.dest = *image_.ids.at("dns").current("10.0.0.1"), .tag = tag_in(0)};
    EXPECT_EQ(count_of({other, Flow{.dest = 4'000, .tag = tag_in(0)}, Flow{}}), TurnoverCount());
    // A backend that is down has no connections: they choose anew without a change, too.
    turnover_.lost = {"10.0.0.2"};
    image_.dests.at(id("10.0.0.2")).flags |= LB_DEST_LEFT;
    EXPECT_EQ(count_of({flow("10.0.0.2", 0)}), TurnoverCount());
    image_.dests.erase(id("10.0.0.2"));
    EXPECT_EQ(count_of({flow("10.0.0.2", 0)}), TurnoverCount());
    turnover_.service = "none";
    EXPECT_EQ(count_of({flow("10.0.0.1", 0)}), TurnoverCount());
}

TEST_F(TallyTest, SlotsOfClientsSayNothing) {
    turnover_.by_client = true;
    EXPECT_EQ(count_of({flow("10.0.0.1", 0)}), (TurnoverCount{.live = 1, .stay = 0, .move = 0}));
}

TEST_F(TallyTest, WithoutEntriesConnectionsAreWhereTheTableSays) {
    turnover_.rule = Turnover::Rule::table;
    EXPECT_EQ(count_of({flow("10.0.0.1", 0)}), (TurnoverCount{.live = 1, .stay = 0, .move = 1}))
        << "a slot that changes";
    EXPECT_EQ(count_of({flow("10.0.0.1", 1)}), (TurnoverCount{.live = 1, .stay = 0, .move = 0}));
    EXPECT_EQ(count_of({flow("10.0.0.2", 1)}), (TurnoverCount{.live = 1, .stay = 0, .move = 1})) << "an exception";
}

TEST_F(TallyTest, ATableIsReadOnce) {
    services_.push_back(service("shop", "192.0.2.3", {backend("10.0.0.1"), backend("10.0.0.2")}));
    image_ = planned(services_);
    Turnover shop = turnover_;
    shop.service = "shop";
    shop.rule = turnover_.rule = Turnover::Rule::table;
    int reads = 0;
    const Tally tally({turnover_, shop}, image_,
                      [&](const TablePlace& place) {
                          ++reads;
                          return std::vector<std::uint16_t>(place.size);
                      },
                      {});
    EXPECT_EQ(reads, 1) << "both services have the same backends";
}

TEST_F(TallyTest, ASampleIsMultiplied) {
    const Sample sample{.shift = 2, .dests = std::vector<bool>(64, true)};
    Tally tally = this->tally(sample);
    std::vector<Flow> flows;
    for (std::uint32_t i = 0; i < 8; ++i) {
        flows.push_back(flow("10.0.0.1", 2 * i));
        flows.back().tag &= ~sample_mask(2);
        if (i < 4) flows.back().tag |= 1U << LB_FLOW_STATE_BITS;  // an exception, which is not in the sample
    }
    EXPECT_EQ(count_of(tally, flows), (TurnoverCount{.live = 16, .stay = 16, .move = 0, .estimated = true}));
    tally.clear();
    EXPECT_EQ(tally.counts().at(0), TurnoverCount{.estimated = true}) << "connections may be outside of the sample";
    turnover_.service = "none";
    EXPECT_EQ(this->tally(sample).counts().at(0), TurnoverCount()) << "a service that is not here";
}

}  // namespace
}  // namespace culvert::lbd
