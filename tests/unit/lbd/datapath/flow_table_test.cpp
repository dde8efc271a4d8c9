// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/flow_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/unit/lbd/datapath/encode_flow.hpp"

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;

TEST(FlowTable, EntriesAreLaidOutAsAbiDrawsThem) {
    const Flow flow{.dest = 0xabcde, .tag = 0x12345670, .time = 0xfed, .state = LB_FLOW_SEEN | LB_FLOW_CLOSING};
    EXPECT_EQ(encode_flow(flow), 0xfedabcde12345673ULL);
    EXPECT_EQ(decode_flow(0xfedabcde12345673ULL), flow);
}

TEST(FlowTable, CountsByDestination) {
    std::vector<lb_bucket> table(2);
    table[0].entry[0] = encode_flow({.dest = 1, .tag = 0x10});
    table[0].entry[7] = encode_flow({.dest = 2, .tag = 0x20, .state = LB_FLOW_SEEN});
    table[1].entry[3] = encode_flow({.dest = 2, .tag = 0x30, .state = LB_FLOW_CLOSING | LB_FLOW_SEEN});
    table[1].entry[4] = encode_flow({.dest = 999, .tag = 0x40});
    std::vector<FlowCount> counts(3);
    count_flows(table, 100, 3, counts);
    EXPECT_EQ(counts, (std::vector<FlowCount>{{}, {.live = 1, .entries = 1}, {.live = 1, .closing = 1, .entries = 2}}));
}

TEST(FlowTable, AFlowIsLiveAsLongAsPacketsComeWhateverWasSaid) {
    constexpr std::uint8_t ended = LB_FLOW_CLOSING | LB_FLOW_SEEN;
    constexpr FlowCount one_live{.live = 1, .entries = 1}, one_closing{.closing = 1, .entries = 1};
    const auto count = [](std::uint16_t time, std::uint8_t state) {
        std::vector<lb_bucket> table(1);
        table[0].entry[0] = encode_flow({.dest = 1, .tag = 0x10, .time = time, .state = state});
        std::vector<FlowCount> counts(2);
        count_flows(table, 100, 3, counts);
        return counts[1];
    };
    EXPECT_EQ(count(100, ended), one_live);
    EXPECT_EQ(count(97, ended), one_live) << "half-closed, and silent for three units of time";
    EXPECT_EQ(count(96, ended), one_closing);
    EXPECT_EQ(count(96, LB_FLOW_SEEN), one_live);
    EXPECT_EQ(count(100, LB_FLOW_CLOSING), one_closing) << "fragments are no flow";
}

TEST(FlowTable, ExpiresWhatIsIdle) {
    const IdleTimes idle{.by_dest = {0, 10, 20}, .other = 30, .closing = 5};
    const auto used = [](std::uint32_t dest, std::uint16_t time, std::uint8_t state = LB_FLOW_SEEN) {
        return encode_flow({.dest = dest, .tag = 0x10, .time = time, .state = state});
    };
    std::vector<lb_bucket> table{{{used(1, 89), used(1, 90), used(2, 79), used(2, 80), used(1, 94, LB_FLOW_CLOSING),
                                   used(1, 95, LB_FLOW_CLOSING), used(1, 101)}}};
    std::size_t kept = 0;
    expire_flows(table, idle, 100, [&](const Flow& /*flow*/) { ++kept; });
    EXPECT_EQ(kept, 4U);
    const std::array<std::uint64_t, LB_FLOW_WAYS> left{
        0, used(1, 90), 0, used(2, 80), 0, used(1, 95, LB_FLOW_CLOSING), used(1, 101), 0};
    EXPECT_TRUE(std::ranges::equal(table[0].entry, left));
}

TEST(FlowTable, FlowsOfASampleAreEstimatedAndNoFewerThanAreKnown) {
    const auto live = [](std::uint32_t dest, std::uint32_t tag) {
        return encode_flow({.dest = dest, .tag = tag << 4, .time = 100, .state = LB_FLOW_SEEN});
    };
    std::vector<lb_bucket> table{{{live(1, 4), live(1, 8), live(1, 3), live(2, 3), live(3, 4), live(3, 5)}}};
    std::vector<FlowCount> counts(4);
    count_flows(table, 100, 3, counts, {.shift = 2, .dests = {false, true, true, false}});
    EXPECT_EQ(counts[1], (FlowCount{.live = 8, .entries = 3, .estimated = true})) << "two tags in four are sampled";
    EXPECT_EQ(counts[2], (FlowCount{.live = 1, .entries = 1, .estimated = true}));
    EXPECT_EQ(counts[3], (FlowCount{.live = 2, .entries = 2})) << "all its flows have entries";
}

TEST(FlowTable, AServiceThatTracksNothingFreesItsEntriesAtOnce) {
    Config config;
    config.services = {{.name = "dns", .track = Track::none}};
    const FlowClock clock(1000);
    const IdleTimes idle = idle_times(config, {{"dns", {.backends = {{1, "a"}}}}}, clock);
    EXPECT_EQ(idle.of({.dest = 1}), 0);
}

TEST(FlowTable, IdleTimesAreTheServices) {
    Config config;
    config.flows.idle = 120s;
    config.services = {{.name = "short", .idle = 10s}, {.name = "long", .idle = 2h}};
    const FlowClock clock(1000);
    const IdleTimes idle =
        idle_times(config, {{"short", {.backends = {{1, "a"}}}}, {"long", {.backends = {{4, "b"}}}}}, clock);
    const auto of = [&](std::uint32_t dest, std::uint8_t state = 0) { return idle.of({.dest = dest, .state = state}); };
    EXPECT_EQ(of(1), clock.units(10s));
    EXPECT_EQ(of(4), clock.units(2h));
    EXPECT_EQ(of(2), clock.units(120s));
    EXPECT_EQ(of(9), clock.units(120s));
    EXPECT_EQ(of(1, LB_FLOW_CLOSING), clock.units(10s));
    EXPECT_EQ(of(4, LB_FLOW_CLOSING), clock.units(2min));
}

}  // namespace
}  // namespace culvert::lbd
