// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/packet/flows.hpp"

namespace culvert::packet {
namespace {

constexpr std::uint32_t own_tag = 0x1234567;
constexpr std::uint64_t evicting_hash = 0x123456789abcdef0;

/// Another flow's entry. The time is 0, so an entry of any other time is from before the time wrapped.
Entry other(std::uint16_t idle, bool seen, bool closing = false, unsigned age = 0) {
    static std::uint32_t tag = 0;
    return {.tag = ++tag,
            .dest = 2,
            .time = static_cast<std::uint16_t>(-idle & 0xfff),
            .seen = seen,
            .closing = closing,
            .age = age};
}
Entry lasting(std::uint16_t idle, unsigned age) { return other(idle, true, false, age); }
Entry fragments(std::uint16_t idle) { return other(idle, false, true); }
Entry seen(std::uint16_t idle) { return other(idle, true); }
Entry once(std::uint16_t idle) { return other(idle, false); }
Entry closed(std::uint16_t idle) { return other(idle, true, true); }

struct EvictionCase {
    const char* name;
    Entries before;
    std::size_t victim;
};

void PrintTo(const EvictionCase& test, std::ostream* out) { *out << test.name; }

const EvictionCase eviction_cases[] = {
    {"FirstOfTheEmpty", {seen(1), seen(1), Entry{}, seen(9), Entry{}, once(9), closed(9), Entry{}}, 2},
    {"EmptyBeforeClosed", {closed(4095), seen(1), seen(1), seen(1), seen(1), seen(1), seen(1), Entry{}}, 7},
    {"ClosedBeforeSingle", {seen(1), once(4095), seen(4095), closed(0), seen(1), seen(1), once(9), seen(1)}, 3},
    {"OldestOfTheClosed", {closed(3), closed(5), closed(4), seen(9), once(9), seen(9), seen(9), seen(9)}, 1},
    {"SingleBeforeIdle", {seen(4095), seen(1), seen(1), seen(1), seen(1), seen(1), once(0), seen(1)}, 6},
    {"OldestOfTheSingle", {once(1), once(2), once(3), once(8), once(7), once(6), once(5), once(4)}, 3},
    {"OldestOfTheSeen", {seen(1), seen(2), seen(3), seen(5), seen(4095), seen(4094), seen(2048), seen(0)}, 4},
    {"FragmentsBeforeClosed", {closed(4095), seen(1), once(1), fragments(0), seen(9), seen(9), seen(9), seen(9)}, 3},
    {"BriefBeforeLasting",
     {lasting(9, 3), lasting(4095, 1), lasting(9, 2), lasting(9, 1), seen(0), lasting(9, 1), lasting(9, 3),
      lasting(9, 3)},
     4},
    {"LeastLasting",
     {lasting(9, 3), lasting(4095, 2), lasting(9, 2), lasting(4095, 3), lasting(9, 3), lasting(1, 1), lasting(9, 3),
      lasting(9, 2)},
     5},
    {"OldestOfTheLasting",
     {lasting(1, 3), lasting(2, 3), lasting(3, 3), lasting(9, 3), lasting(8, 3), lasting(7, 3), lasting(6, 3),
      lasting(5, 3)},
     3},
    {"OldestWhenItIsTheFirst", {seen(8), seen(7), seen(6), seen(5), seen(4), seen(3), seen(2), seen(1)}, 0},
    {"OldestWhenItIsTheLast", {seen(1), seen(2), seen(3), seen(4), seen(5), seen(6), seen(7), seen(8)}, 7},
};

class FullBucket : public BalancerTest, public testing::WithParamInterface<EvictionCase> {};

INSTANTIATE_TEST_SUITE_P(Evicts, FullBucket, testing::ValuesIn(eviction_cases),
                         [](const auto& test) { return test.param.name; });

TEST_P(FullBucket, InTheDocumentedOrder) {
    FlowBalancer balancer({1}, with_hash(evicting_hash));
    Entries expected = GetParam().before;
    set_entries(balancer, expected);
    EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 1");
    expected.at(GetParam().victim) = {.tag = own_tag, .dest = 1};
    EXPECT_EQ(entries(balancer), expected);
}

class Bucket : public BalancerTest {};

TEST_F(Bucket, OfLiveFlowsLosesNoneToSyns) {
    FlowBalancer balancer({1});
    const Entries before{seen(1), seen(2), seen(3), seen(4), seen(5), seen(6), seen(7), seen(8)};
    set_entries(balancer, before);
    for (std::uint16_t port = 1; port <= 500; ++port) balancer.send(segment(port, syn));
    EXPECT_EQ(entries(balancer), before);
}

TEST_F(Bucket, OfLiveFlowsLosesOneToAFloodOfSinglePackets) {
    FlowBalancer balancer({1});
    const Entries before{seen(1), seen(2), seen(3), seen(4), seen(5), seen(6), seen(7), seen(8)};
    set_entries(balancer, before);
    for (std::uint16_t port = 1; port <= 500; ++port) balancer.send(segment(port, ack));
    const Entries after = entries(balancer);
    EXPECT_TRUE(std::equal(before.begin(), before.end() - 1, after.begin()));
    EXPECT_FALSE(after[7].seen);
}

// A flood of flows of one, two and three packets, each thirty times the size of the table, against flows that last. TCP
// and UDP behave alike. A flow is lost only if its bucket has more such flows than ways: with 2.4 on average, 1 in
// 2,000.
TEST_F(Bucket, OfFlowsThatLastLosesNoneToAFloodOfWholeFlows) {
    constexpr std::uint32_t buckets = 16, live = 40, junk = 4'000;
    FlowBalancer balancer({1}, all_on(), buckets);
    balancer.serve("192.0.2.1", lbd::Protocol::udp, 53, {1});
    const auto packet = [](std::uint32_t flow) {
        const auto port = static_cast<std::uint16_t>(1024 + flow);
        return Ethernet() / IPv4{.source = flow < live ? "198.51.100.7" : "203.0.113.66"} /
               (flow % 2 == 0 ? Packet(TCP{.source = port}) : Packet(UDP{.source = port}));
    };
    for (int unit = 0; unit < 3; ++unit) {
        for (std::uint32_t flow = 0; flow < live; ++flow) balancer.send(packet(flow));
        for (std::uint32_t bucket = 0; bucket < buckets; ++bucket) {
            Entries passed = entries(balancer, bucket);
            for (Entry& entry : passed)
                if (entry != Entry{}) entry.time = (entry.time - 1) & 0xfff;
            set_entries(balancer, passed, bucket);
        }
    }
    const auto lasting_flows = [&] {
        std::size_t count = 0;
        for (std::uint32_t bucket = 0; bucket < buckets; ++bucket)
            count += static_cast<std::size_t>(
                std::ranges::count_if(entries(balancer, bucket), [](const Entry& entry) { return entry.age > 0; }));
        return count;
    };
    ASSERT_EQ(lasting_flows(), live);
    for (const int packets : {1, 2, 3})
        for (std::uint32_t flow = live; flow < live + junk; ++flow)
            for (int i = 0; i < packets; ++i) balancer.send(packet(flow));
    EXPECT_EQ(lasting_flows(), live);
}

}  // namespace
}  // namespace culvert::packet
