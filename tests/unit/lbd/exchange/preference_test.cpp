// SPDX-License-Identifier: Apache-2.0
#include "lbd/exchange/preference.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <vector>

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;

constexpr Choice::Time noon = 1000;

/// What a balancer keeps that knows `own` and hears of `foreign`.
std::string_view kept(const FlowClaim& own, const FlowClaim& foreign) {
    return preference(own, foreign).is_foreign ? foreign.backend : own.backend;
}

/// The one that counts, whoever asks.
std::string_view counts(const FlowClaim& one, const FlowClaim& other) {
    EXPECT_EQ(kept(one, other), kept(other, one));
    EXPECT_EQ(preference(one, other).is_final, preference(other, one).is_final);
    return kept(one, other);
}

TEST(Choice, WrapsAsTimesDo) {
    const Choice before = Choice::first(UINT32_MAX >> 1).next(UINT32_MAX >> 1), after = before.next(noon);
    EXPECT_TRUE(after.counts_before(before));
    EXPECT_FALSE(before.counts_before(after));
    EXPECT_TRUE(Choice::first(0).is_said());
    EXPECT_TRUE(before.next(UINT32_MAX >> 1).counts_before(before)) << "the time that would be 0";
}

TEST(Choice, OfAFlowThatLeavesABackendIsLaterThanThatWhateverTheClockSays) {
    const Choice first = Choice::first(noon);
    EXPECT_TRUE(first.next(noon - 500).counts_before(first));
    EXPECT_TRUE(first.next(noon).next(noon - 500).counts_before(first.next(noon)));
    EXPECT_EQ(first.next(noon + 500).time(), noon + 500);
}

TEST(Choice, HasSixteenthsOfASecond) {
    const std::chrono::system_clock::time_point some{1'000'000'000s};
    EXPECT_EQ(Choice::time_of(some + 1s) - Choice::time_of(some), 16U);
}

TEST(Choice, ThatIsNotSaidGivesWayToOneThatIs) {
    const Choice first = Choice::first(noon), later = Choice::first(noon + 1), next = first.next(noon);
    EXPECT_EQ(Choice().merged(later), later);
    EXPECT_EQ(later.merged(Choice()), later);
    EXPECT_EQ(later.merged(first), first);
    EXPECT_EQ(first.merged(next), next);
    EXPECT_EQ(next.merged(first), next);
}

// Its former backend is back, and some balancer still has the entry from before, perhaps used later.
TEST(Preference, AFlowIsWhereItWentWhenItLeftABackend) {
    const Choice first = Choice::first(noon), next = first.next(noon + 10);
    EXPECT_EQ(counts({"b1", first, 0, 3}, {"b2", next, 0, 0}), "b2");
    EXPECT_EQ(counts({"b1", first, 0, 0}, {"b2", next, 9, 3}), "b2") << "whenever it was used";
    EXPECT_EQ(counts({"b1", next.next(noon + 20), 9, 0}, {"b2", next, 0, 0}), "b1") << "the last time";
    EXPECT_TRUE(preference({"b1", first}, {"b2", next}).is_final);
}

TEST(Preference, AFlowThatHasLeftNoBackendIsWhereItBegan) {
    EXPECT_EQ(counts({"b2", Choice::first(noon), 1, 0}, {"b1", Choice::first(noon + 8), 0, 0}), "b2");
}

TEST(Preference, ANewerConnectionCountsIfTheFormerOneWasNotUsedForLonger) {
    const FlowClaim former{"b1", Choice::first(noon), 3, 3}, newer{"b2", Choice::first(noon + 300), 0, 0};
    EXPECT_EQ(counts(former, newer), "b2");
    EXPECT_FALSE(preference(former, newer).is_final) << "ages grow";
}

// Two balancers have found at the same time that a backend is down.
TEST(Preference, OfEqualChoicesTheNameDecides) {
    const Choice next = Choice::first(noon).next(noon + 1);
    EXPECT_EQ(counts({"b2", next, 0, 0}, {"b1", next, 1, 3}), "b1");
    EXPECT_EQ(counts({"b2", Choice::first(noon), 0, 0}, {"b1", Choice::first(noon), 1, 3}), "b1");
}

TEST(Preference, AnEarlierVersionIsUnderstood) {
    const Choice next = Choice::first(noon).next(noon);
    EXPECT_EQ(counts({"b1", next, 1, 0}, {"b2", {}, 0, 0}), "b2") << "used later";
    EXPECT_EQ(counts({"b1", next, 0, 1}, {"b2", {}, 0, 0}), "b2") << "lasted less";
    EXPECT_EQ(counts({"b1", next, 0, 0}, {"b2", {}, 0, 0}), "b1") << "as good";
    EXPECT_FALSE(preference({"b1", next, 0, 0}, {"b2", {}, 1, 0}).is_final);
}

TEST(Preference, OfTheSameBackendTheEntryCountsThatWasUsedLater) {
    const Choice next = Choice::first(noon).next(noon);
    EXPECT_TRUE(preference({"b1", next, 1, 0}, {"b1", Choice::first(noon), 0, 0}).is_foreign);
    EXPECT_FALSE(preference({"b1", Choice::first(noon), 0, 0}, {"b1", next, 0, 0}).is_foreign);
    EXPECT_TRUE(preference({"b1", next}, {"b1", next}).is_same);
}

// Otherwise two balancers could keep different ones for ever, or tell each other of them for ever.
TEST(Preference, ThatIsFinalIsAnOrder) {
    std::vector<FlowClaim> claims;
    for (const char* backend : {"b1", "b2", "b3"})
        for (const std::uint32_t time : {noon, noon + 1, noon + 2})
            for (const Choice choice : {Choice::first(time), Choice::first(noon).next(time + 1)})
                claims.push_back({.backend = backend, .choice = choice});
    const auto wins = [](const FlowClaim& one, const FlowClaim& other) { return kept(one, other) == one.backend; };
    for (const FlowClaim& a : claims)
        for (const FlowClaim& b : claims)
            for (const FlowClaim& c : claims) {
                if (a.backend == b.backend || b.backend == c.backend || a.backend == c.backend) continue;
                EXPECT_NE(wins(a, b), wins(b, a));
                if (wins(a, b) && wins(b, c)) {
                    EXPECT_TRUE(wins(a, c));
                }
            }
}

}  // namespace
}  // namespace culvert::lbd
