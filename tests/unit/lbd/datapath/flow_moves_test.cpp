// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/flow_moves.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <iterator>
#include <random>
#include <vector>

#include "lbd/datapath/flow_table.hpp"
#include "tests/unit/lbd/datapath/encode_flow.hpp"

namespace culvert::lbd {
namespace {

/// Flow i of `count`, with i in the lower bits of its hash, in a table of this many buckets.
std::vector<lb_bucket> table_of(std::uint32_t buckets, std::uint32_t count) {
    std::vector<lb_bucket> table(buckets);
    for (std::uint32_t i = 0; i < count; ++i)
        table[i % buckets].entry[i / buckets % LB_FLOW_WAYS] = encode_flow(
            {.dest = i + 1, .tag = (i + 1) << 4, .time = static_cast<std::uint16_t>(100 + i), .state = LB_FLOW_SEEN});
    return table;
}

bool knows(std::vector<lb_bucket>& table, std::uint32_t flow) {
    for (const __u64 word : table[flow % table.size()].entry)
        if (decode_flow(word) == Flow{.dest = flow + 1,
                                      .tag = (flow + 1) << 4,
                                      .time = static_cast<std::uint16_t>(100 + flow),
                                      .state = LB_FLOW_SEEN})
            return true;
    return false;
}

TEST(CopyFlows, ALargerOneTakesAllFlowsOver) {
    auto small = table_of(4, 32);
    std::vector<lb_bucket> large(16);
    copy_flows(small, large, 200);
    for (std::uint32_t flow = 0; flow < 32; ++flow) EXPECT_TRUE(knows(large, flow)) << flow;
}

TEST(CopyFlows, ASmallerOneTakesThoseOverThatWereUsedLast) {
    auto large = table_of(16, 64);
    std::vector<lb_bucket> small(4);
    copy_flows(large, small, 200);
    for (std::uint32_t flow = 32; flow < 64; ++flow) EXPECT_TRUE(knows(small, flow)) << flow;
}

TEST(CopyFlows, ASmallerOnePrefersFlowsThatHaveLasted) {
    constexpr std::uint8_t lasting = LB_FLOW_SEEN | LB_FLOW_AGE_MAX * LB_FLOW_AGE;
    std::vector<lb_bucket> large(2), small(1);
    for (std::uint32_t i = 0; i < LB_FLOW_WAYS; ++i) {
        large[0].entry[i] = encode_flow({.dest = 1, .tag = (i + 1) << 4, .time = 199, .state = LB_FLOW_SEEN});
        large[1].entry[i] = encode_flow({.dest = 2, .tag = (i + 9) << 4, .time = 150, .state = lasting});
    }
    copy_flows(large, small, 200);
    for (const __u64 word : small[0].entry) EXPECT_EQ(decode_flow(word).dest, 2U);
}

TEST(CopyFlows, FlowsThatAreThereAlreadyStay) {
    std::vector<lb_bucket> before(1), after(1);
    before[0].entry[0] = encode_flow({.dest = 1, .tag = 0x10});
    after[0].entry[7] = encode_flow({.dest = 2, .tag = 0x10});
    copy_flows(before, after, 200);
    EXPECT_EQ(after[0].entry[0], 0U);
    EXPECT_EQ(decode_flow(after[0].entry[7]).dest, 2U);
}

TEST(EnterFlow, TakesThePlaceOfAnOwnEntryIfThatDoesNotCount) {
    const std::uint64_t own = encode_flow({.dest = 1, .tag = 0x10, .time = 199, .state = LB_FLOW_SEEN});
    const std::uint64_t foreign = encode_flow({.dest = 2, .tag = 0x10, .time = 198, .state = LB_FLOW_SEEN});
    for (const bool counts : {false, true}) {
        std::vector<lb_bucket> map(1);
        map[0].entry[3] = own;
        int entered = 0;
        enter_flow(
            map, 0, {.entry = foreign, .low = 0, .buckets = 1}, 200,
            [&](std::size_t place, std::uint64_t seen) {
                EXPECT_EQ(place, 3U);
                EXPECT_EQ(seen, own);
                return counts;
            },
            [&](std::size_t place, std::uint64_t seen, bool is_foreign) {
                ++entered;
                EXPECT_EQ(place, 3U);
                EXPECT_EQ(seen, own);
                EXPECT_EQ(is_foreign, counts);
            });
        EXPECT_EQ(entered, 1);
        EXPECT_EQ(map[0].entry[3], counts ? foreign : own);
    }
}

// Before, what the peer had told was lost until it told that again.
TEST(EnterFlow, IsComparedAgainWithAnEntryThatAPacketHasJustUsed) {
    const Flow own{.dest = 1, .tag = 0x10, .time = 198, .state = LB_FLOW_SEEN};
    Flow used = own;
    used.time = 199;
    const std::uint64_t foreign = encode_flow({.dest = 2, .tag = 0x10, .time = 199, .state = LB_FLOW_SEEN});
    std::vector<lb_bucket> map(1);
    map[0].entry[3] = encode_flow(own);
    std::vector<std::uint64_t> compared;
    enter_flow(
        map, 0, {.entry = foreign, .low = 0, .buckets = 1}, 200,
        [&](std::size_t /*place*/, std::uint64_t seen) {
            compared.push_back(seen);
            map[0].entry[3] = encode_flow(used);
            return true;
        },
        [](std::size_t /*place*/, std::uint64_t /*own*/, bool is_foreign) { EXPECT_TRUE(is_foreign); });
    EXPECT_EQ(compared, (std::vector{encode_flow(own), encode_flow(used)}));
    EXPECT_EQ(map[0].entry[3], foreign);
}

constexpr std::uint32_t whole = 1U << 17;  // buckets: halved four times, as few as a part can have

/// A flow with a random hash.
struct HashedFlow {
    std::uint64_t hash = 0;
    std::uint64_t entry = 0;

    explicit HashedFlow(std::mt19937_64& random, std::uint8_t state = LB_FLOW_SEEN) : hash(random()) {
        const auto tag = static_cast<std::uint32_t>(hash >> 32) & ~15U;
        entry =
            encode_flow({.dest = 1 + static_cast<std::uint32_t>(hash) % 1000, .tag = tag, .time = 100, .state = state});
    }
    /// Where packets look for it.
    [[nodiscard]] lb_bucket& bucket(std::vector<lb_bucket>& map, unsigned shift = 0) const {
        const auto mask = static_cast<std::uint32_t>(map.size()) - 1;
        const auto low = static_cast<std::uint32_t>(hash), high = static_cast<std::uint32_t>(hash >> 32);
        return map[lb_flow_index(low, high, mask, mask >> shift)];
    }
    void enter(std::vector<lb_bucket>& map, unsigned shift = 0) const {
        for (__u64& word : bucket(map, shift).entry)
            if (word == 0) {
                word = entry;
                return;
            }
    }
    [[nodiscard]] bool is_in(std::vector<lb_bucket>& map, unsigned shift = 0) const {
        return std::ranges::count(bucket(map, shift).entry, entry) == 1;
    }
};

std::vector<HashedFlow> random_flows(std::size_t count) {
    std::mt19937_64 random(1);
    std::vector<HashedFlow> flows;
    for (std::size_t i = 0; i < count; ++i) flows.emplace_back(random);
    return flows;
}

std::size_t entries_of(const std::vector<lb_bucket>& map) {
    std::size_t count = 0;
    for (const lb_bucket& bucket : map)
        count += std::ranges::count_if(bucket.entry, [](auto word) { return word != 0; });
    return count;
}

TEST(FlowIndex, OfASmallTableComesFromTheHashAlone) {
    EXPECT_EQ(lb_flow_index_of_tag(LB_FLOW_LEAST_PART - 1), 0U);
    EXPECT_EQ(lb_flow_index(0xabcdef12, 0x12345670, 0xff, 0xff), 0x12U);
    EXPECT_EQ(most_halved(1), 0U);
    EXPECT_EQ(most_halved(LB_FLOW_LEAST_PART), 0U);
    EXPECT_EQ(most_halved(2 * LB_FLOW_LEAST_PART), 1U);
    EXPECT_EQ(most_halved(1U << 27), 4U);
}

TEST(FlowIndex, HasBitsOfTheTagWhichNeitherChooseTheSampleNorTheSlot) {
    for (unsigned bits = 14; bits <= 27; ++bits) {
        const std::uint32_t of_tag = lb_flow_index_of_tag((1U << bits) - 1);
        EXPECT_EQ(static_cast<unsigned>(std::popcount(of_tag)), most_halved(std::size_t{1} << bits));
        EXPECT_EQ(of_tag << LB_FLOW_INDEX_SHIFT & sample_mask(most_sampled), 0U);
    }
    EXPECT_EQ(lb_flow_index(0xffffffff, 0, whole - 1, whole - 1), 0x1fffU);
    EXPECT_EQ(lb_flow_index(0, 0xffffffff, whole - 1, whole - 1), 0x1e000U);
}

TEST(FlowMoves, EachEntryComesToWherePacketsLookForIt) {
    std::vector<lb_bucket> map(whole);
    const auto flows = random_flows(10'000);
    for (const HashedFlow& flow : flows) flow.enter(map, 4);
    unsigned former = 4;
    for (const unsigned shift : {3U, 0U, 1U, 4U, 2U}) {
        const FlowPart part{.shift = shift, .former = former};
        FlowMoves moves(map, part, 100);
        EXPECT_TRUE(moves.copy(FlowMoves::range(map.size(), part)));
        for (const HashedFlow& flow : flows) {
            ASSERT_TRUE(flow.is_in(map, shift));
            ASSERT_TRUE(flow.is_in(map, former)) << "for packets that look there only";
        }
        EXPECT_TRUE(moves.free_copied());
        for (const HashedFlow& flow : flows) ASSERT_TRUE(flow.is_in(map, shift));
        EXPECT_EQ(entries_of(map), flows.size());
        former = shift;
    }
}

// A packet would take the place of one of them, as they have been idle for longer.
TEST(FlowMoves, InASmallerPartNobodyGivesWay) {
    std::vector<lb_bucket> map(whole);
    std::mt19937_64 random(3);
    HashedFlow flow(random);
    while (&flow.bucket(map, 4) == &flow.bucket(map)) flow = HashedFlow(random);
    flow.enter(map);
    lb_bucket& full = flow.bucket(map, 4);
    for (std::uint32_t i = 0; i < LB_FLOW_WAYS; ++i)
        full.entry[i] = encode_flow({.dest = 1 + i, .tag = ~decode_flow(flow.entry).tag & 0xfffffff0, .time = 90});
    const std::vector<__u64> before(std::begin(full.entry), std::end(full.entry));
    const FlowPart part{.shift = 4, .former = 0};
    FlowMoves moves(map, part, 100);
    EXPECT_FALSE(moves.copy(FlowMoves::range(map.size(), part)));
    EXPECT_TRUE(flow.is_in(map));
    EXPECT_EQ(std::vector<__u64>(std::begin(full.entry), std::end(full.entry)), before);
}

/// One flow that has a copy in the larger part, and is still in the smaller one.
class FlowMove : public testing::Test {
  protected:
    void SetUp() override {
        std::mt19937_64 random(7);
        do {
            flow_ = HashedFlow(random);
        } while (&flow_.bucket(map_, 1) == &flow_.bucket(map_, 0));
        flow_.enter(map_, 1);
        ASSERT_TRUE(moves_.copy(FlowMoves::range(map_.size(), part_)));
    }
    [[nodiscard]] __u64& from() { return flow_.bucket(map_, 1).entry[0]; }
    [[nodiscard]] __u64& copy() { return flow_.bucket(map_, 0).entry[0]; }

    static constexpr FlowPart part_{.shift = 0, .former = 1};
    std::mt19937_64 first_{7};
    HashedFlow flow_{first_};
    std::vector<lb_bucket> map_ = std::vector<lb_bucket>(whole);
    FlowMoves moves_{map_, part_, 100};
};

TEST_F(FlowMove, UsesOfAPacketThatDidNotSeeTheCopyCount) {
    from() |= LB_FLOW_CLOSING;
    EXPECT_TRUE(moves_.free_copied());
    EXPECT_EQ(copy(), flow_.entry | LB_FLOW_CLOSING);
    EXPECT_EQ(from(), 0U);
}

TEST_F(FlowMove, TheCopyThatPacketsHaveUsedStays) {
    copy() |= LB_FLOW_CLOSING;
    EXPECT_TRUE(moves_.free_copied());
    EXPECT_EQ(copy(), flow_.entry | LB_FLOW_CLOSING);
    EXPECT_EQ(from(), 0U);
}

TEST_F(FlowMove, ACopyThatAPacketHasOverwrittenIsMadeAgain) {
    const std::uint64_t other = encode_flow({.dest = 9, .tag = 0x10, .time = 100});
    copy() = other;
    EXPECT_FALSE(moves_.free_copied());
    EXPECT_EQ(from(), flow_.entry) << "packets that look there only still find it";
    EXPECT_EQ(copy(), other);
    EXPECT_TRUE(flow_.is_in(map_));
    EXPECT_TRUE(moves_.free_copied());
    EXPECT_TRUE(flow_.is_in(map_));
    EXPECT_EQ(from(), 0U);
}

TEST_F(FlowMove, AnEntryThatASynHasFreedIsGone) {
    from() = 0;
    EXPECT_TRUE(moves_.free_copied());
    EXPECT_EQ(copy(), 0U);
}

TEST_F(FlowMove, ACopyThatASynHasFreedIsGone) {
    copy() = 0;
    EXPECT_TRUE(moves_.free_copied());
    EXPECT_EQ(from(), 0U);
    EXPECT_EQ(copy(), 0U);
}

TEST_F(FlowMove, AFlowThatHasAnotherBackendThereAlreadyKeepsIt) {
    EXPECT_TRUE(moves_.free_copied());
    const std::uint64_t elsewhere = encode_flow({.dest = 5, .tag = decode_flow(flow_.entry).tag, .time = 90});
    copy() = elsewhere;
    from() = flow_.entry;
    EXPECT_TRUE(moves_.copy(FlowMoves::range(map_.size(), part_)));
    EXPECT_TRUE(moves_.free_copied());
    EXPECT_EQ(copy(), elsewhere);
    EXPECT_EQ(from(), 0U);
}

TEST(FlowMoves, ASmallerPartWithoutRoomIsReported) {
    std::vector<lb_bucket> map(whole);
    const auto flows = random_flows(100'000);
    for (const HashedFlow& flow : flows) flow.enter(map);
    const std::size_t before = entries_of(map);
    const FlowPart part{.shift = 4, .former = 0};
    EXPECT_FALSE(FlowMoves(map, part, 100).copy(FlowMoves::range(map.size(), part)));
    // The former part is used again. What was copied goes back.
    const FlowPart back{.shift = 0, .former = 4};
    FlowMoves moves(map, back, 100);
    EXPECT_TRUE(moves.copy(FlowMoves::range(map.size(), back)));
    EXPECT_TRUE(moves.free_copied());
    EXPECT_EQ(entries_of(map), before);
}

TEST(CopyFlows, OfTheFormerAbiVersionComeToWherePacketsLookForThem) {
    for (const std::size_t to :
         {std::size_t{1} << 10, std::size_t{1} << 16, std::size_t{whole}, std::size_t{1} << 18}) {
        std::vector<lb_bucket> before(whole), after(to);
        const auto flows = random_flows(500);
        for (const HashedFlow& flow : flows)
            for (__u64& word : before[flow.hash % whole].entry)
                if (word == 0) {
                    word = flow.entry;
                    break;
                }
        copy_flows(before, after, 100, FlowIndex::of_hash);
        for (const HashedFlow& flow : flows) ASSERT_TRUE(flow.is_in(after)) << to;
        EXPECT_EQ(entries_of(after), flows.size()) << to;
    }
}

TEST(CopyFlows, BetweenLargeTablesComeToWherePacketsLookForThem) {
    for (const std::size_t to :
         {std::size_t{1} << 10, std::size_t{1} << 14, std::size_t{whole}, std::size_t{1} << 19}) {
        std::vector<lb_bucket> before(whole), after(to);
        const auto flows = random_flows(500);
        for (const HashedFlow& flow : flows) flow.enter(before);
        copy_flows(before, after, 100);
        for (const HashedFlow& flow : flows) ASSERT_TRUE(flow.is_in(after)) << to;
    }
}

}  // namespace
}  // namespace culvert::lbd
