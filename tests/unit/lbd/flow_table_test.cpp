// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/flow_table.hpp"

#include <gtest/gtest.h>

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
    table[1].entry[3] = encode_flow({.dest = 2, .tag = 0x30, .state = LB_FLOW_CLOSING});
    table[1].entry[4] = encode_flow({.dest = 999, .tag = 0x40});
    std::vector<FlowCount> counts(3);
    count_flows(table, counts);
    EXPECT_EQ(counts, (std::vector<FlowCount>{{}, {.live = 1}, {.live = 1, .closing = 1}}));
}

TEST(FlowTable, ExpiresWhatIsIdle) {
    const FlowClock clock(1000, 10s);
    std::vector<lb_bucket> table(1);
    const auto at = [&](std::uint64_t jiffies) {
        return encode_flow({.dest = 1, .tag = 0x10, .time = clock.time(jiffies)});
    };
    table[0] = {{at(1'000), at(50'000), at(100'000)}};
    expire_flows(table, clock, clock.time(60'000));
    EXPECT_EQ(table[0].entry[0], 0U);
    EXPECT_EQ(table[0].entry[1], at(50'000));
    EXPECT_EQ(table[0].entry[2], at(100'000));
}

}  // namespace
}  // namespace culvert::lbd
