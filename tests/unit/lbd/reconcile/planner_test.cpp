// SPDX-License-Identifier: Apache-2.0
#include "lbd/reconcile/planner.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <variant>

#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

Service service(const std::string& name, const char* vip, std::uint16_t last_port = 80) {
    return {.name = name,
            .vip = address(vip),
            .ports = {{Protocol::tcp, 80, last_port}},
            .table_size = 101,
            .backends = {{.name = "b1", .address = address("10.0.0.1"), .encap = L2{}}}};
}

constexpr Limits small{.vips4 = 4, .vips6 = 4, .ring_lines = 64, .dests = 64};

Planned wanted(Services services, Health health = {}) {
    return {.services = std::move(services), .hops = {}, .health = std::move(health)};
}

TEST(Planner, KnowsOnlyWhatWasTaken) {
    Planner planner{Image{}};
    const auto draft = planner.draft(wanted({service("web", "192.0.2.1")}), small);
    ASSERT_TRUE(draft);
    EXPECT_EQ(draft->limits, small);
    EXPECT_FALSE(planner.edits(*draft, {}).empty());
    EXPECT_EQ(planner.image(), Image{});
    EXPECT_FALSE(planner.planned());

    planner.take(*draft);
    EXPECT_TRUE(planner.image().ids.contains("web"));
    EXPECT_TRUE(planner.edits(*planner.draft(*planner.planned(), small), {}).empty());
}

TEST(Planner, MapsWithoutRoomAreToBeLarger) {
    Planner planner{Image{}};
    const auto draft = planner.draft(wanted({service("web", "192.0.2.1", 99)}), small);
    ASSERT_TRUE(draft);
    EXPECT_GE(draft->limits.vips4, 21U);
    EXPECT_GE(draft->limits.dests, small.dests);
    planner.take(*draft);

    // Services that exist are shared with later lists, too.
    const Services more{service("web", "192.0.2.1", 99), service("mail", "192.0.2.2", 90)};
    const auto next = planner.draft(wanted(more), draft->limits);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->limits, draft->limits);
}

TEST(Planner, MoreIdsThanThereCanBeAreAnError) {
    Image full;
    full.ids["old"] = {.base = 1, .size = LB_DEST_MAX - 2, .backends = {{1, "b1"}}};
    const Planner planner{full};
    const auto draft = planner.draft(wanted({service("web", "192.0.2.1")}), small);
    ASSERT_FALSE(draft);
    EXPECT_EQ(draft.error().code, ENOSPC);
    EXPECT_EQ(planner.image(), full);
}

TEST(Planner, HealthAloneIsAChange) {
    Service web = service("web", "192.0.2.1");
    web.health = HealthCheck{.kind = TcpCheck{}};
    Planner planner{Image{}};
    planner.take(*planner.draft(wanted({web}), small));
    const Services same = planner.planned()->services;
    const auto draft = planner.draft(wanted(same, {{{"web", "b1"}, {.up = false}}}), small);
    ASSERT_TRUE(draft);
    EXPECT_TRUE(moves_slots(*draft));
    const std::vector<std::uint16_t> table(same.front().table_size);
    const Present present{.table = [&](const TablePlace& /*place*/) { return MaglevTable(table); }, .slots = {}};
    EXPECT_FALSE(planner.edits(*draft, present).empty());
    EXPECT_TRUE(planner.edits(*planner.draft(wanted(same), small), {}).empty());
}

TEST(Planner, IdsThatNobodyNeedsAreGivenFree) {
    Planner planner{Image{}};
    planner.take(*planner.draft(wanted({service("web", "192.0.2.1"), service("mail", "192.0.2.2")}), small));
    planner.take(*planner.draft(wanted({service("web", "192.0.2.1")}), small));
    ASSERT_TRUE(planner.image().ids.contains("mail"));
    const auto nobody = [](std::uint32_t) { return false; };
    const auto everybody = [](std::uint32_t) { return true; };
    EXPECT_TRUE(planner.without_unused_ids(planner.planned()->services, everybody).ids.contains("mail"));
    const Image next = planner.without_unused_ids(planner.planned()->services, nobody);
    const auto edits = planner.edits(next);
    ASSERT_EQ(edits.size(), 2U);
    EXPECT_TRUE(std::holds_alternative<RemoveOwner>(edits.front()));
    EXPECT_EQ(planner.drafts(), 2U);
    planner.take(next);
    EXPECT_FALSE(planner.image().ids.contains("mail"));
    EXPECT_EQ(planner.drafts(), 2U) << "what entries mean is the same";
}

}  // namespace
}  // namespace culvert::lbd
