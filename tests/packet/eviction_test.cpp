// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/packet/flows.hpp"

namespace culvert::packet {
namespace {

constexpr std::uint32_t own_tag = 0x1234567;
constexpr std::uint64_t own_hash = 0x123456789abcdef0;

/// Another flow's entry; the time is now 0, so every age but 0 is of a time that has wrapped.
Entry other(std::uint16_t age, bool seen, bool closing = false) {
    static std::uint32_t tag = 0;
    return {
        .tag = ++tag, .dest = 2, .time = static_cast<std::uint16_t>(-age & 0xfff), .seen = seen, .closing = closing};
}
Entry seen(std::uint16_t age) { return other(age, true); }
Entry once(std::uint16_t age) { return other(age, false); }
Entry closed(std::uint16_t age) { return other(age, true, true); }

struct Case {
    const char* name;
    Entries before;
    std::size_t victim;
};

void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

const Case cases[] = {
    {"FirstOfTheEmpty", {seen(1), seen(1), Entry{}, seen(9), Entry{}, once(9), closed(9), Entry{}}, 2},
    {"EmptyBeforeClosed", {closed(4095), seen(1), seen(1), seen(1), seen(1), seen(1), seen(1), Entry{}}, 7},
    {"ClosedBeforeSingle", {seen(1), once(4095), seen(4095), closed(0), seen(1), seen(1), once(9), seen(1)}, 3},
    {"OldestOfTheClosed", {closed(3), closed(5), closed(4), seen(9), once(9), seen(9), seen(9), seen(9)}, 1},
    {"SingleBeforeIdle", {seen(4095), seen(1), seen(1), seen(1), seen(1), seen(1), once(0), seen(1)}, 6},
    {"OldestOfTheSingle", {once(1), once(2), once(3), once(8), once(7), once(6), once(5), once(4)}, 3},
    {"OldestOfTheSeen", {seen(1), seen(2), seen(3), seen(5), seen(4095), seen(4094), seen(2048), seen(0)}, 4},
    {"OldestWhenItIsTheFirst", {seen(8), seen(7), seen(6), seen(5), seen(4), seen(3), seen(2), seen(1)}, 0},
    {"OldestWhenItIsTheLast", {seen(1), seen(2), seen(3), seen(4), seen(5), seen(6), seen(7), seen(8)}, 7},
};

class FullBucket : public BalancerTest, public testing::WithParamInterface<Case> {};

INSTANTIATE_TEST_SUITE_P(Evicts, FullBucket, testing::ValuesIn(cases),
                         [](const auto& test) { return test.param.name; });

TEST_P(FullBucket, InTheDocumentedOrder) {
    FlowBalancer balancer({1}, with_hash(own_hash));
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

}  // namespace
}  // namespace culvert::packet
