// SPDX-License-Identifier: Apache-2.0
#include "lbd/reconcile/sampling.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "lbd/reconcile/slot_watch.hpp"

namespace culvert::lbd {
namespace {

constexpr unsigned highest = 12;

TEST(Sampling, FewFlowsAreAllCounted) {
    Sampling sampling;
    EXPECT_FALSE(sampling.see(Sampling::most, highest));
    sampling.end_round(Sampling::most, 0, 30);
    EXPECT_EQ(sampling.shift(), 0U);
    EXPECT_EQ(sampling.counted(), 0U);
}

TEST(Sampling, TwiceAsManyFlowsHalveThePartAtOnce) {
    Sampling sampling;
    for (unsigned shift = 1; shift <= highest; ++shift) {
        EXPECT_TRUE(sampling.see(Sampling::most + 1, highest));
        EXPECT_EQ(sampling.shift(), shift);
        EXPECT_EQ(sampling.counted(), shift);
    }
    EXPECT_FALSE(sampling.see(Sampling::most + 1, highest)) << "the tag has no more bits for it";
}

TEST(Sampling, WhenFlowsBecomeFewerThePartGrowsAndIsCountedByOnceAllHaveEntries) {
    Sampling sampling(3);
    sampling.end_round(Sampling::least - 1, 100, 30);
    EXPECT_EQ(sampling.shift(), 2U);
    EXPECT_EQ(sampling.counted(), 3U);
    sampling.end_round(0, 130, 30);
    EXPECT_EQ(sampling.shift(), 2U) << "one step at a time";
    EXPECT_EQ(sampling.counted(), 3U);
    sampling.end_round(0, 131, 30);
    EXPECT_EQ(sampling.counted(), 2U);
    EXPECT_EQ(sampling.shift(), 1U);
}

TEST(Sampling, APartThatIsLargeEnoughStays) {
    Sampling sampling(3);
    sampling.end_round(Sampling::least, 100, 30);
    EXPECT_EQ(sampling.shift(), 3U);
}

TEST(Sampling, ARoundThatBeganWithALargerPartDoesNotMakeItLargerAgain) {
    Sampling sampling;
    EXPECT_TRUE(sampling.see(Sampling::most + 1, highest));
    sampling.end_round(Sampling::least - 1, 100, 30);
    EXPECT_EQ(sampling.shift(), 1U) << "only the rest of the round was counted";
    sampling.end_round(Sampling::least - 1, 104, 30);
    EXPECT_EQ(sampling.shift(), 0U);
}

TEST(Sampling, EntriesAreMissingForTheLongestIdleTimeOfWhatIsSampled) {
    Services services;
    const auto add = [&](Track track, bool sticky, Protocol protocol, int seconds) {
        services.push_back(Service{.name = "s",
                                   .vip = {},
                                   .ports = {{protocol, 80}},
                                   .sticky = sticky,
                                   .track = track,
                                   .idle = std::chrono::seconds(seconds),
                                   .health = {},
                                   .backends = {}});
    };
    EXPECT_EQ(sampled_idle(services).count(), 0);
    add(Track::just_enough, false, Protocol::tcp, 5);
    add(Track::just_enough, false, Protocol::sctp, 7);
    add(Track::just_enough, false, Protocol::udp, 20);
    add(Track::just_enough, true, Protocol::tcp, 20);
    add(Track::all, false, Protocol::tcp, 20);
    EXPECT_EQ(sampled_idle(services), std::chrono::seconds(7));
}

}  // namespace
}  // namespace culvert::lbd
