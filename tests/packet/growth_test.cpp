// SPDX-License-Identifier: Apache-2.0
//
// Packets use a part of the flow table, and the part changes while they come. No flow is lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "lbd/datapath/flow_moves.hpp"
#include "lbd/reconcile/part_size.hpp"
#include "tests/packet/balancer.hpp"
#include "tests/packet/reconciled.hpp"

namespace culvert::packet {
namespace {

constexpr std::size_t growth_buckets = 1U << 17;  // halved four times, it has as few as a part can have

lbd::Service growing_service() {
    return {.name = "dns",
            .vip = *netlink::IpAddress::parse("192.0.2.1"),
            .ports = {{lbd::Protocol::udp, 53}},
            .table_size = 101,
            .backends = {numbered(1), numbered(2)}};
}

/// A UDP service with two backends, each flow of which has an entry. When the first one is drained, a flow of it that
/// is forgotten goes to the second.
class GrowingTable : public Reconciled {
  public:
    GrowingTable() : Reconciled({growing_service()}, growth_buckets) {}

    void drain_first() {
        lbd::Service service = growing_service();
        service.backends[0].state = lbd::BackendState::drain;
        change({service});
    }

    [[nodiscard]] int send(std::uint32_t flow) const { return Reconciled::send(clients_.frame(flow)); }
    /// Opens flows. Returns the backend of each.
    [[nodiscard]] std::vector<int> open(std::uint32_t count) const {
        std::vector<int> backends(count);
        for (std::uint32_t flow = 0; flow < count; ++flow) backends[flow] = send(flow);
        return backends;
    }
    /// How many of the flows are elsewhere now.
    [[nodiscard]] std::size_t lost(const std::vector<int>& backends) const {
        std::size_t lost = 0;
        for (std::uint32_t flow = 0; flow < backends.size(); ++flow) lost += send(flow) != backends[flow] ? 1 : 0;
        return lost;
    }

  private:
    Clients clients_{Ethernet() / IPv4{.source = "10.0.0.0"} / UDP{.source = 4000}};
};

class Growth : public BalancerTest {};

// As many as the smallest part takes without a bucket that is full.
constexpr std::uint32_t growing_flows = 10'000;

TEST_F(Growth, NoFlowIsLostAtAnyStep) {
    GrowingTable table;
    const unsigned most = lbd::most_halved(growth_buckets);
    ASSERT_EQ(most, LB_FLOW_MOST_SHIFT);
    EXPECT_EQ(table.flows().part(), (lbd::FlowPart{.shift = most, .former = most})) << "it begins small";
    const auto backends = table.open(growing_flows);
    table.drain_first();
    ASSERT_EQ(table.lost(backends), 0U);
    ASSERT_GT(std::ranges::count(backends, 1), 4000);
    const std::array<unsigned, 9> steps{3, 2, 1, 0, 2, 4, 0, 1, 4};
    for (const unsigned shift : steps) {
        SCOPED_TRACE(shift);
        table.use_part(shift);
        EXPECT_EQ(table.lost(backends), 0U) << "before anything has moved";
        while (table.flows().part().is_changing()) {
            table.move();
            ASSERT_EQ(table.lost(backends), 0U);
        }
        EXPECT_EQ(table.flows().part(), (lbd::FlowPart{.shift = shift, .former = shift}));
        EXPECT_EQ(table.flows().table().size(), growth_buckets >> shift);
        EXPECT_EQ(table.entries(), growing_flows) << "each flow has one entry";
    }
    EXPECT_EQ(table.evicted(), 0U);
}

TEST_F(Growth, EntriesThatNobodyUsesMoveAsWell) {
    GrowingTable table;
    const auto backends = table.open(growing_flows);
    table.drain_first();
    for (const unsigned shift : {3U, 1U, 0U, 4U}) {
        table.use_part(shift);
        table.move_all();
    }
    EXPECT_EQ(table.lost(backends), 0U);
    EXPECT_EQ(table.evicted(), 0U);
}

// Two threads send all the time: known flows, and new ones that take places which the move has just chosen.
TEST_F(Growth, NoFlowIsLostWhilePacketsAndTheMoveRace) {
    GrowingTable table;
    const auto backends = table.open(growing_flows / 2);
    table.drain_first();
    std::atomic<bool> stop = false;
    std::atomic<std::size_t> lost = 0, rounds = 0;
    std::thread known([&] {
        while (!stop) {
            lost += table.lost(backends);
            ++rounds;
        }
    });
    std::thread fresh([&] {
        for (std::uint32_t flow = 1'000'000; !stop; ++flow) (void)table.send(1'000'000 + flow % 5'000);
    });
    for (int i = 0; i < 6; ++i)
        for (const unsigned shift : {3U, 0U, 2U, 4U}) {
            table.use_part(shift);
            table.move_all();
        }
    stop = true;
    known.join();
    fresh.join();
    EXPECT_GT(rounds, 0U);
    EXPECT_EQ(lost, 0U);
    EXPECT_EQ(table.lost(backends), 0U);
    EXPECT_EQ(table.evicted(), 0U);
}

TEST_F(Growth, APartThatHasNoRoomIsNotUsed) {
    constexpr std::uint32_t many = 80'000;  // as many as the smallest part has places and a quarter more
    GrowingTable table;
    table.use_part(0);
    table.move_all();
    const auto backends = table.open(many);
    table.drain_first();
    ASSERT_EQ(table.lost(backends), 0U);
    table.use_part(4);
    table.move_all();
    EXPECT_EQ(table.flows().part(), (lbd::FlowPart{.shift = 0, .former = 0}));
    EXPECT_EQ(table.lost(backends), 0U);
    EXPECT_EQ(table.entries(), many);
}

// As the sweep decides, while flows come.
TEST_F(Growth, ThePartGrowsWithItsFlows) {
    constexpr std::uint32_t at_once = 10'000, last = 300'000;
    GrowingTable table;
    std::vector<int> backends;
    while (backends.size() < last) {
        for (std::uint32_t i = 0; i < at_once; ++i)
            backends.push_back(table.send(static_cast<std::uint32_t>(backends.size())));
        table.sweep();
        const std::size_t places = table.flows().table().size() * LB_FLOW_WAYS;
        if (places < growth_buckets * LB_FLOW_WAYS) {
            ASSERT_LT(table.entries(), places / 3);
        }
        if (places > LB_FLOW_LEAST_PART * LB_FLOW_WAYS) {
            ASSERT_GT(table.entries(), places / 8);
        }
    }
    EXPECT_EQ(table.flows().part().shift, 0U);
    EXPECT_LT(table.evicted(), last / 1000);
    table.drain_first();
    const std::size_t lost = table.lost(backends);
    EXPECT_LE(lost, table.evicted()) << "those that come back evict others";
}

TEST_F(Growth, APartThatIsEmptyForLongShrinks) {
    GrowingTable table;
    table.use_part(1);
    table.move_all();
    const auto backends = table.open(20'000);
    table.drain_first();
    for (unsigned round = 1; round < lbd::PartSize::patience; ++round) table.sweep();
    EXPECT_EQ(table.flows().part().shift, 1U);
    table.sweep();
    EXPECT_EQ(table.flows().part(), (lbd::FlowPart{.shift = 2, .former = 2}));
    EXPECT_EQ(table.lost(backends), 0U);
}

}  // namespace
}  // namespace culvert::packet
