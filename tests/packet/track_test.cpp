// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "lbd/datapath/datapath.hpp"
#include "lbd/datapath/flow_table.hpp"
#include "lbd/reconcile/planner.hpp"
#include "lbd/reconcile/slot_watch.hpp"
#include "tests/packet/flows.hpp"
#include "tests/packet/maps.hpp"
#include "tests/packet/result.hpp"
#include "tests/packet/run.hpp"
#include "tests/track/history.hpp"

namespace culvert::packet {
namespace {

/// The loaded program with its maps, planned, edited and swept as lbd does. Flow time stands still, however long the
/// test takes; entries and slots grow older instead.
class Loaded final : public track::System {
  public:
    /// `datapath` was loaded by load(). What an earlier history left in it is forgotten. Connections with the same
    /// `seed` are in the same slots.
    Loaded(lbd::Datapath& datapath, std::uint64_t seed)
        : datapath_(datapath), planner_(value(datapath.maps().read())), seed_(seed) {
        move();
        std::ranges::fill(datapath_.flows().table(), lb_bucket{});
        datapath_.flows().sample(0);
        apply({.services = {}, .hops = {}, .health = {}});
        take(planner_.without_unused_ids({}, [](std::uint32_t) { return false; }));
    }

    static lbd::Datapath load() {
        lbd::Config config;
        config.interfaces = {"lo"};
        config.flows.entries = most_parts * LB_FLOW_LEAST_PART * LB_FLOW_WAYS;
        // With the switches for all of what a history may bring.
        for (unsigned shape = 0; shape < track::World::shapes; ++shape) {
            track::World world;
            world.shape = shape;
            for (lbd::Service& service : world.services()) config.services.push_back(std::move(service));
        }
        const lbd::Limits limits{.vips4 = 16, .vips6 = 16, .ring_lines = 1024, .transition_lines = 1024, .dests = 256};
        lbd::Build build = lbd::build_for(config, {}, limits);
        build.config.hash_final = all_on().hash_final;
        std::ranges::copy(all_on().hash_key, build.config.hash_key);
        build.config.time_shift = all_on().time_shift;
        auto datapath = value(lbd::Datapath::load(build, {}));
        (void)datapath.set_own({.macs = {{.port = 0, .mac = {{2, 0, 0, 0, 0, 2}}}}, .vlans = {}});
        return datapath;
    }

    void change(const track::World& world) override {
        world_ = world;
        apply({.services = world.services(), .hops = track::World::hops(), .health = world.health()});
    }

    void apply(const lbd::Planned& wanted) {
        auto draft = value(planner_.draft(wanted, datapath_.build().limits));
        if (!(draft.limits == datapath_.build().limits)) throw std::runtime_error("the maps are too small");
        lbd::ImageMaps& maps = datapath_.maps();
        const lbd::Present present{
            .table = [&](const lbd::TablePlace& place) { return maps.ring(place.line, place.size); },
            .slots = [&](std::uint32_t line) { return lbd::read_slots(maps.transition(line)); },
            .now = now};
        done(maps.apply(planner_.edits(draft, present)));
        planner_.take(std::move(draft));
    }

    std::optional<unsigned> send(std::uint32_t connection, track::Segment segment) override {
        const unsigned flags = segment == track::Segment::syn   ? +syn
                               : segment == track::Segment::fin ? fin | ack
                                                                : +ack;
        const Bytes frame =
            (Ethernet() /
             IPv4{.source = fmt::format("10.{}.{}.{}", seed_ >> 8 & 0xff, seed_ & 0xff, 1 + connection % 5)} /
             TCP{.source = static_cast<std::uint16_t>(1024 + connection), .flags = flags})
                .bytes();
        const auto sent = transmitted(datapath_.program(), frame);
        return sent ? std::optional<unsigned>(sent->at(5)) : std::nullopt;
    }

    void sweep(std::uint16_t ticks) override {
        move();
        age(ticks);
        const lbd::IdleTimes idle{.by_dest = {}, .other = track::idle_ticks, .closing = track::idle_ticks};
        // The service's own idle time is one in seconds.
        lbd::Services services;
        for (lbd::Service service : planner_.planned()->services) {
            service.idle = std::chrono::milliseconds(1);
            while (datapath_.flows().clock().units(service.idle) < track::idle_ticks) service.idle *= 2;
            services.push_back(std::move(service));
        }
        lbd::SlotWatch watch(planner_.image(), services, datapath_.flows().clock(), now);
        std::set<std::uint32_t> in_use;
        lbd::expire_flows(datapath_.flows().table(), idle, now, [&](const lbd::Flow& flow) {
            watch.see(flow, datapath_.maps());
            in_use.insert(flow.dest);
        });
        const auto over = watch.settle(datapath_.maps());
        if (!over.empty()) take(planner_.without_transitions({over.begin(), over.end()}));
        take(planner_.without_unused_ids(services, [&](std::uint32_t id) { return in_use.contains(id); }));
    }

    /// In some of the first histories the part of the flow table that packets use changes as well. The entries are
    /// moved before the next sweep, or at once: the move waits for the kernel each time, which takes longer than all
    /// else.
    void sample(unsigned shift) override {
        lbd::FlowMap& flows = datapath_.flows();
        flows.sample(shift);
        if (seed_ % 8 != 3 || seed_ > last_with_parts) return;
        move();
        done(flows.use_part(1 - flows.part().shift));
        if (shift == 0) move();
    }
    void restart() override {
        planner_ = lbd::Planner(value(datapath_.maps().read()));
        change(world_);
    }
    [[nodiscard]] bool has_transition() const override { return !planner_.image().transitions.empty(); }

  private:
    static constexpr std::uint16_t now = 0;
    static constexpr std::uint64_t most_parts = 2;
    static constexpr std::uint64_t last_with_parts = 100;

    void move() {
        while (datapath_.flows().part().is_changing()) done(datapath_.flows().move());
    }
    void take(lbd::Image next) {
        done(datapath_.maps().apply(planner_.edits(next)));
        planner_.take(std::move(next));
    }
    void age(std::uint16_t ticks) {
        for (lb_bucket& bucket : datapath_.flows().table())
            for (__u64& entry : bucket.entry)
                if (entry != 0) entry -= std::uint64_t{ticks} << LB_FLOW_TIME_SHIFT;
        for (const auto& [line, transition] : planner_.image().transitions) {
            const auto at = datapath_.maps().transition(line);
            lbd::Slots slots = lbd::read_slots(at);
            for (std::uint16_t& used : slots.used) used = static_cast<std::uint16_t>(used - ticks);
            lbd::write_slots(at, slots);
        }
    }

    lbd::Datapath& datapath_;
    lbd::Planner planner_;
    track::World world_;
    std::uint64_t seed_;
};

class Track : public BalancerTest {};

// CULVERT_HISTORIES runs more of them.
TEST_F(Track, NoConnectionMovesWhoseBackendIsAlive) {
    const char* wanted = std::getenv("CULVERT_HISTORIES");
    const std::uint64_t count = wanted == nullptr ? 12 : std::strtoull(wanted, nullptr, 10);
    lbd::Datapath datapath = Loaded::load();
    for (std::uint64_t seed = 1; seed <= count; ++seed)
        ASSERT_EQ(track::fault_of_random(
                      seed, 300, [&] { return std::make_unique<Loaded>(datapath, seed); }, seed % 2 == 0),
                  "");
}

/// The shortest histories that have had a fault, by their seeds.
TEST_F(Track, HistoriesThatHadAFaultHaveNone) {
    using track::Step;
    const std::map<std::uint64_t, track::History> histories{
        // No backend is left.
        {994,
         {{Step::backend, 3, 5},
          {Step::backend, 1, 5},
          {Step::backend, 5, 5},
          {Step::backend, 2, 5},
          {Step::backend, 4, 5},
          {Step::backend, 0, 5},
          {Step::ports, 4, 14},
          {Step::sweep, 1},
          {Step::backend, 1, 4}}},
        // An entry of a backend that is gone, and of the service that had the port before.
        {7404,
         {{Step::backend, 3, 0},
          {Step::sweep, 1},
          {Step::sweep, 2},
          {Step::ports, 1, 42},
          {Step::packet, 28},
          {Step::rename, 1, 50},
          {Step::sweep, 2},
          {Step::sweep, 1},
          {Step::ports, 4, 55},
          {Step::sample, 1},
          {Step::backend, 4, 5},
          {Step::sweep, 0},
          {Step::packet, 28},
          {Step::packet, 28},
          {Step::backend, 1, 2},
          {Step::packet, 28}}}};
    lbd::Datapath datapath = Loaded::load();
    for (const auto& [seed, history] : histories)
        EXPECT_EQ(track::fault_of(history, [&] { return std::make_unique<Loaded>(datapath, seed); }), std::nullopt)
            << seed;
}

/// A service of TCP whose slots are all settled. No flow is counted.
class Settled : public FlowBalancer {
  public:
    explicit Settled(std::uint32_t flags = 0) : FlowBalancer({1}), flags_(flags) {
        sample(~0U);
        turn_to({1});
    }
    void turn_to(const std::vector<std::uint16_t>& ring) { serve("192.0.2.1", lbd::Protocol::tcp, 80, ring, flags_); }

  private:
    std::uint32_t flags_;
};

TEST_F(Track, AFlowOfASettledSlotHasNoEntry) {
    Settled balancer;
    for (const unsigned flags : {+syn, +ack, psh | ack, fin | ack})
        EXPECT_EQ(balancer.send(segment(1000, flags)), "backend 1");
    EXPECT_EQ(used(entries(balancer)), 0U);
    EXPECT_EQ(balancer.counters(1).flows, 1U) << "it was opened once";
    EXPECT_EQ(balancer.counters(1).packets, 4U);
}

TEST_F(Track, AFlowIsCountedByAnEntryIfItIsOfTheSample) {
    Settled balancer;
    balancer.sample(0);
    balancer.send(segment(1000, syn));
    EXPECT_EQ(used(entries(balancer)), 0U) << "a flood of SYNs stores nothing";
    balancer.send(segment(1000, ack));
    EXPECT_EQ(entries(balancer)[0].dest, 1U);
    EXPECT_EQ(balancer.counters(1).flows, 1U);
}

TEST_F(Track, AllFlowsAreCountedIfTheServiceSaysSo) {
    Settled balancer(LB_SERVICE_ALL);
    balancer.send(segment(1000, ack));
    EXPECT_EQ(used(entries(balancer)), 1U);
}

TEST_F(Track, AFlowThatIsNeverTrackedFollowsTheTable) {
    Settled balancer(LB_SERVICE_NEVER);
    balancer.sample(0);
    EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 1");
    balancer.turn_to({2});
    EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 2");
    EXPECT_EQ(used(entries(balancer)), 0U);
}

TEST_F(Track, AReflectedSynIsNoNewFlow) {
    Settled balancer;
    EXPECT_EQ(balancer.send(segment(1000, syn | ack)), "backend 1");
    EXPECT_EQ(balancer.counters(1).flows, 0U);
}

}  // namespace
}  // namespace culvert::packet
