// SPDX-License-Identifier: Apache-2.0
#include "lbd/exchange/known_flows.hpp"

#include <gtest/gtest.h>

#include <cstdint>

#include "lbd/datapath/flow_table.hpp"
#include "tests/unit/lbd/datapath/encode_flow.hpp"

namespace culvert::lbd {
namespace {

constexpr std::size_t whole = 2 * LB_FLOW_LEAST_PART;  // buckets

std::uint64_t entry(std::uint32_t dest, std::uint16_t time = 100, std::uint32_t tag = 0x10) {
    return encode_flow({.dest = dest, .tag = tag, .time = time, .state = LB_FLOW_SEEN});
}

class KnownFlowsTest : public testing::Test {
  protected:
    KnownFlowsTest() { (void)known_.follow({.shift = 1, .former = 1}, whole); }

    static constexpr std::uint16_t now = 100, refresh = 4;
    KnownFlows known_;
};

TEST_F(KnownFlowsTest, AnEntryIsNewsOnceAndWhenItLeadsElsewhereOrItsTimeIsOld) {
    EXPECT_TRUE(known_.is_news(8, entry(1), now, refresh));
    (void)known_.told(8, entry(1));
    EXPECT_FALSE(known_.is_news(8, entry(1), now, refresh));
    EXPECT_FALSE(known_.is_news(8, entry(1, now + 1), now + 1, refresh));
    EXPECT_TRUE(known_.is_news(8, entry(1, now + 4), now + 4, refresh));
    EXPECT_TRUE(known_.is_news(8, entry(2), now, refresh));
    EXPECT_TRUE(known_.is_news(8, entry(1) | LB_FLOW_CLOSING, now, refresh));
    EXPECT_TRUE(known_.is_news(16, entry(1), now, refresh)) << "in another bucket";
    known_.tell_again(8, entry(1));
    EXPECT_TRUE(known_.is_news(8, entry(1), now, refresh));
}

TEST_F(KnownFlowsTest, AFlowThatHadAnotherBackendHasLeftIt) {
    EXPECT_FALSE(known_.choice(8, entry(1)).has_left());
    const Choice first = known_.told(8, entry(1));
    EXPECT_EQ(known_.choice(8, entry(1)), first);
    EXPECT_TRUE(known_.choice(8, entry(2)).has_left());
    EXPECT_TRUE(known_.choice(11, entry(2)).has_left()) << "elsewhere in the bucket";
    EXPECT_FALSE(known_.choice(8, entry(2, now, 0x20)).has_left()) << "another flow";
    const Choice next = known_.told(11, entry(2));
    EXPECT_TRUE(next.counts_before(first));
    EXPECT_EQ(known_.choice(8, entry(2)), next);
}

TEST_F(KnownFlowsTest, WhatAPeerHasToldIsHeardUntilAPacketComesHere) {
    const Choice next = Choice::first(1).next(2);
    known_.heard(8, entry(1), next);
    EXPECT_TRUE(known_.is_heard(8, entry(1)));
    EXPECT_TRUE(known_.is_others(8, entry(1)));
    EXPECT_FALSE(known_.is_news(8, entry(1), now, refresh));
    EXPECT_EQ(known_.choice(8, entry(1)), next);
    EXPECT_FALSE(known_.is_heard(8, entry(1, now + 1)));
    (void)known_.told(8, entry(1, now + 1));
    EXPECT_FALSE(known_.is_heard(8, entry(1, now + 1)));
    EXPECT_EQ(known_.choice(8, entry(1, now + 1)), next);
}

// Those who come must be told of it by this balancer. But its packets have not come here.
TEST_F(KnownFlowsTest, WhatAPeerHasToldThatIsGoneIsStillHeard) {
    known_.heard(8, entry(1), Choice::first(1));
    known_.forget_peers();
    EXPECT_TRUE(known_.is_heard(8, entry(1)));
    EXPECT_FALSE(known_.is_others(8, entry(1)));
}

TEST_F(KnownFlowsTest, WhatIsToldByAnotherNameIsStillHeard) {
    known_.heard(8, entry(1), Choice::first(1));
    known_.tell_all_again();
    EXPECT_TRUE(known_.is_news(8, entry(1), now, refresh));
    EXPECT_EQ(known_.told(8, entry(1)), Choice::first(1));
    EXPECT_TRUE(known_.is_heard(8, entry(1)));
    EXPECT_FALSE(known_.is_news(8, entry(1), now, refresh));
}

TEST_F(KnownFlowsTest, AgreeOnTheChoiceThatCounts) {
    const Choice first = known_.told(8, entry(1)), next = first.next(first.time());
    known_.agreed(8, entry(1), next);
    EXPECT_EQ(known_.choice(8, entry(1)), next);
    known_.agreed(8, entry(1), first);
    EXPECT_EQ(known_.choice(8, entry(1)), next);
    known_.agreed(8, entry(1), {});
    EXPECT_EQ(known_.choice(8, entry(1)), next);
    known_.agreed(16, entry(1), next);
    EXPECT_EQ(known_.choice(16, entry(1)), next) << "of an entry that is to be told yet";
    EXPECT_TRUE(known_.is_news(16, entry(1), now, refresh));
}

// From a peer of an earlier version, for example. Its choice must not stay unknown for ever.
TEST_F(KnownFlowsTest, AChoiceOfWhichNothingIsSaidIsMadeNow) {
    known_.heard(8, entry(1), {});
    EXPECT_TRUE(known_.choice(8, entry(1)).is_said());
    EXPECT_FALSE(known_.choice(8, entry(1)).has_left());
    EXPECT_TRUE(known_.choice(8, entry(2)).has_left());
}

TEST_F(KnownFlowsTest, TwoFlowsThatTakeTurnsInAPlaceAreBothKnown) {
    const std::uint64_t one = entry(1, now, 0x10), other = entry(2, now, 0x20);
    const Choice first = known_.told(8, one), second = known_.told(9, other);
    EXPECT_EQ(known_.told(9, one), first);
    EXPECT_EQ(known_.choice(8, other), second);
    EXPECT_FALSE(known_.is_news(8, other, now, refresh));
}

// The lower bits of a bucket come from the hash, the highest one of a larger part from the tag.
TEST_F(KnownFlowsTest, EntriesMoveWithThePart) {
    constexpr std::uint32_t high = (LB_FLOW_LEAST_PART << LB_FLOW_INDEX_SHIFT) | 0x10;
    const std::size_t bucket = 7, moved = bucket + LB_FLOW_LEAST_PART;
    const Choice next = Choice::first(1).next(2);
    known_.heard(bucket * LB_FLOW_WAYS, entry(1, now, high), next);
    known_.heard(bucket * LB_FLOW_WAYS + 1, entry(2, now, 0x10), next);
    EXPECT_TRUE(known_.follow({.shift = 0, .former = 0}, whole));
    EXPECT_FALSE(known_.follow({.shift = 0, .former = 0}, whole));
    const std::size_t there = moved * LB_FLOW_WAYS + 3, here = bucket * LB_FLOW_WAYS;
    for (const bool has_followed : {false, true}) {
        EXPECT_TRUE(known_.is_heard(there, entry(1, now, high)));
        EXPECT_TRUE(known_.is_heard(here, entry(2, now, 0x10)));
        EXPECT_FALSE(known_.is_news(there, entry(1, now, high), now, refresh));
        EXPECT_TRUE(known_.choice(there, entry(3, now, high)).has_left());
        if (has_followed) break;
        known_.keep(there, entry(1, now, high));
        known_.keep(here, entry(2, now, 0x10));
        known_.has_followed();
    }
    EXPECT_FALSE(known_.follow({.shift = 1, .former = 0}, whole)) << "not while entries move";
}

}  // namespace
}  // namespace culvert::lbd
