// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
// gtest comes first: rapidcheck's header extends it
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "lbd/plan/maglev.hpp"

namespace culvert::lbd {
namespace {

constexpr std::uint32_t default_size = 65537;

std::vector<Contender> contenders(std::uint16_t count, const std::vector<std::uint32_t>& weights = {1}) {
    std::vector<Contender> all;
    for (std::uint16_t i = 0; i < count; ++i)
        all.push_back(
            {i, "10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256), weights[i % weights.size()]});
    return all;
}

std::map<std::uint16_t, std::uint32_t> shares(const std::vector<std::uint16_t>& table) {
    std::map<std::uint16_t, std::uint32_t> shares;
    for (const std::uint16_t value : table) ++shares[value];
    return shares;
}

std::uint64_t total_weight(const std::vector<Contender>& all) {
    std::uint64_t total = 0;
    for (const Contender& contender : all) total += contender.weight;
    return total;
}

TEST(Maglev, NobodyMakesNoTable) {
    EXPECT_TRUE(maglev_table({}, 7).empty());
    EXPECT_TRUE(maglev_table(contenders(3, {0}), 7).empty());
}

TEST(Maglev, OneGetsEverything) { EXPECT_EQ(maglev_table(contenders(1), 7), std::vector<std::uint16_t>(7, 0)); }

TEST(Maglev, WithoutWeightGetsNothing) {
    auto all = contenders(3);
    all[1].weight = 0;
    const auto count = shares(maglev_table(all, 101));
    EXPECT_EQ(count.count(1), 0U);
    EXPECT_EQ(count.at(0) + count.at(2), 101U);
}

// The tables must be the same in all versions: the balancers of a cluster may run different ones.
TEST(Maglev, TableIsTheSameForEver) {
    const std::vector<Contender> all{{0, "10.0.2.30", 2}, {1, "10.0.2.31", 1}, {2, "fd00::7", 1}};
    EXPECT_EQ(maglev_table(all, 13), (std::vector<std::uint16_t>{0, 2, 2, 0, 1, 0, 0, 1, 0, 2, 0, 1, 0}));
}

RC_GTEST_PROP(Maglev, SharesFollowWeights, ()) {
    const auto count = *rc::gen::inRange<std::uint16_t>(1, 300);
    const auto weights = *rc::gen::container<std::vector<std::uint32_t>>(count, rc::gen::inRange(0U, 1000U));
    const auto all = contenders(count, weights);
    const auto total = total_weight(all);
    const auto table = maglev_table(all, default_size);
    RC_PRE(total > 0);
    RC_ASSERT(table.size() == default_size);
    auto share = shares(table);
    for (const Contender& contender : all) {
        // If each contender takes turns at times 1/w, 2/w, …, this is its share up to some moment.
        const double exact = 1.0 * contender.weight / static_cast<double>(total);
        RC_ASSERT(share[contender.value] >= exact * default_size - 1);
        RC_ASSERT(share[contender.value] <= exact * (default_size + count));
        RC_ASSERT(contender.weight > 0 || share[contender.value] == 0);
    }
}

RC_GTEST_PROP(Maglev, OrderOfBackendsIsIrrelevant, (std::uint32_t seed)) {
    auto all = contenders(*rc::gen::inRange<std::uint16_t>(1, 100), {1, 5, 0, 2});
    const auto table = maglev_table(all, 4099);
    std::shuffle(all.begin(), all.end(), std::mt19937(seed));
    RC_ASSERT(maglev_table(all, 4099) == table);
}

RC_GTEST_PROP(Maglev, RemovingOneMovesFewOfTheRest, ()) {
    const auto count = *rc::gen::inRange<std::uint16_t>(2, 1001);
    const auto weights = *rc::gen::container<std::vector<std::uint32_t>>(count, rc::gen::inRange(1U, 100U));
    auto all = contenders(count, weights);
    const auto before = maglev_table(all, default_size);
    const auto gone = *rc::gen::inRange<std::uint16_t>(0, count);
    all.erase(all.begin() + gone);
    const auto after = maglev_table(all, default_size);

    std::uint32_t rest = 0;
    std::uint32_t moved = 0;
    for (std::uint32_t i = 0; i < default_size; ++i) {
        if (before[i] == gone) continue;
        ++rest;
        if (before[i] != after[i]) ++moved;
    }
    RC_LOG() << count << " backends: " << moved << " of " << rest << " entries moved\n";
    RC_ASSERT(moved <= rest * (1.0 / count + 0.02));
}

}  // namespace
}  // namespace culvert::lbd
