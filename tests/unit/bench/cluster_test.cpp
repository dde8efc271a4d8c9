// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bench/cluster/options.hpp"
#include "bench/cluster/simulation.hpp"

namespace culvert::bench::cluster {
namespace {

Options small() {
    return {.connections = 1'000,
            .backends = 12,
            .hours = 0.4,
            .slots = 4099,
            .idle = 60,
            .silence = 50,
            .backend_every = 20,
            .balancer_every = 130};
}

Outcome outcome_of(const Options& options, Scheme scheme) { return Simulation(options, scheme).run(); }

TEST(Cluster, OneBalancerBreaksNoConnectionThatIsNotSilentForLongerThanIdle) {
    Options options = small();
    options.balancers = 1;
    for (const Scheme scheme : schemes) {
        const Outcome outcome = outcome_of(options, scheme);
        EXPECT_EQ(outcome.broken, 0U) << text(scheme);
        EXPECT_GT(outcome.lost, 0U) << "backends do die";
        EXPECT_GT(outcome.opened, 50'000U);
    }
}

TEST(Cluster, LossIsSeen) {
    Options options = small();
    const Outcome own_key = outcome_of(options, Scheme::own_key);
    const Outcome full = outcome_of(options, Scheme::full);
    EXPECT_GT(own_key.broken, 100U) << "balancers die, and others choose otherwise";
    EXPECT_GT(full.broken, 0U) << "a balancer that does not know a connection goes by the present table";
    EXPECT_LT(full.broken, own_key.broken);

    options.silence = 600;
    options.balancers = 1;
    EXPECT_GT(outcome_of(options, Scheme::full).broken, 0U) << "connections are silent for longer than idle";
    EXPECT_GT(outcome_of(options, Scheme::enough).broken, 0U) << "likewise in a transition";
}

TEST(Cluster, SharedExceptionsAreFewAndLoseNothing) {
    const Outcome full = outcome_of(small(), Scheme::full_shared);
    const Outcome enough = outcome_of(small(), Scheme::enough_shared);
    EXPECT_EQ(enough.broken, 0U);
    EXPECT_GT(enough.moving, 0) << "slots are in transition";
    EXPECT_LT(enough.entries, full.entries);
    EXPECT_LT(enough.records, full.records);
}

TEST(Cluster, TheSameSeedIsTheSameWorld) {
    const Outcome first = outcome_of(small(), Scheme::enough);
    const Outcome again = outcome_of(small(), Scheme::enough);
    EXPECT_EQ(first.broken, again.broken);
    EXPECT_EQ(first.packets, again.packets);
    EXPECT_EQ(first.entries, again.entries);
    Options other = small();
    other.seed = 2;
    EXPECT_NE(first.packets, outcome_of(other, Scheme::enough).packets);
}

}  // namespace
}  // namespace culvert::bench::cluster
