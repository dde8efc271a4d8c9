// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/packet/flows.hpp"

namespace culvert::packet {
namespace {

/// On one CPU, as each CPU counts its own packets.
class Latency : public BalancerTest {
  protected:
    void SetUp() override {
        BalancerTest::SetUp();
        ASSERT_EQ(sched_getaffinity(0, sizeof all_, &all_), 0);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(sched_getcpu(), &one);
        ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    }
    void TearDown() override { sched_setaffinity(0, sizeof all_, &all_); }

  private:
    cpu_set_t all_{};
};

std::uint64_t measured(const Balancer& balancer) {
    const lb_latency latency = balancer.latency();
    return std::accumulate(std::begin(latency.bucket), std::end(latency.bucket), std::uint64_t{0});
}

TEST_F(Latency, IsMeasuredForTheFirstPacketAndThenOneIn1021) {
    FlowBalancer balancer;
    for (std::size_t sent = 1; sent <= 1022; ++sent) {
        EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 1");
        ASSERT_EQ(measured(balancer), sent <= 1021 ? 1U : 2U) << sent;
    }
}

TEST_F(Latency, IsMeasuredForNoOtherPacketAfterAnEarlierProgramThatLeftATime) {
    FlowBalancer balancer;
    balancer.set_latency({.left = 1, .former = 1, .sum = 0, .bucket = {}});
    EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 1");
    EXPECT_EQ(measured(balancer), 0U);
    EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 1");
    EXPECT_EQ(measured(balancer), 1U);
}

TEST_F(Latency, FallsIntoTheBucketThatHoldsIt) {
    FlowBalancer balancer;
    balancer.send(segment(1000, ack));
    const lb_latency latency = balancer.latency();
    ASSERT_GT(latency.sum, 1U);
    const double power = std::ceil(std::log2(static_cast<double>(latency.sum)));
    const auto bucket = static_cast<std::size_t>(std::min(power, LB_LATENCY_BUCKETS - 1.0));
    EXPECT_EQ(latency.bucket[bucket], 1U) << latency.sum << " ns";
}

TEST_F(Latency, IsOfNoInterestForPacketsThatAreNotSentOn) {
    FlowBalancer passes, drops(std::vector<std::uint16_t>{});
    EXPECT_EQ(passes.send(Ethernet() / IPv4{.destination = "192.0.2.99"} / TCP()), "pass");
    EXPECT_EQ(drops.send(segment(1000, ack)), "drop: no_backend");
    EXPECT_EQ(measured(passes) + measured(drops), 0U);
}

TEST_F(Latency, IsNotMeasuredWhenSwitchedOff) {
    lb_config config = all_on();
    config.latency = 0;
    FlowBalancer balancer({1}, config);
    EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 1");
    EXPECT_EQ(measured(balancer), 0U);
}

}  // namespace
}  // namespace culvert::packet
