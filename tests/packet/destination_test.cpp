// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <numeric>

#include "lbd/plan/template.hpp"
#include "tests/packet/flows.hpp"

namespace culvert::packet {
namespace {

class Ring : public BalancerTest {};

TEST_F(Ring, IsUsedFromItsFirstEntryToItsLast) {
    std::vector<std::uint16_t> ring(70, 3);  // three lines, the last one not full
    ring.front() = 1;
    ring.back() = 2;
    EXPECT_EQ(FlowBalancer(ring, with_hash(0)).send(segment(1, syn)), "backend 1");
    EXPECT_EQ(FlowBalancer(ring, with_hash(0x1234567800000000)).send(segment(1, syn)), "backend 3");
    EXPECT_EQ(FlowBalancer(ring, with_hash(~0ULL)).send(segment(1, syn)), "backend 2");
}

TEST_F(Ring, GivesEachEntryItsShareOfTheFlows) {
    constexpr std::uint16_t dests = 61;
    constexpr int flows = 20'000;
    Balancer balancer;
    std::vector<std::uint16_t> ring(dests);
    std::iota(ring.begin(), ring.end(), std::uint16_t{1});
    for (const std::uint16_t dest : ring) balancer.set_dest(dest, backend(static_cast<std::uint8_t>(dest)));
    balancer.serve("192.0.2.1", lbd::Protocol::tcp, 80, ring);
    for (int i = 0; i < flows; ++i) balancer.receive(segment(static_cast<std::uint16_t>(1024 + i), syn));
    for (const std::uint16_t dest : ring) {  // 328 each expected; five standard deviations are 90
        EXPECT_GT(balancer.counters(dest).packets, 238U) << dest;
        EXPECT_LT(balancer.counters(dest).packets, 418U) << dest;
    }
}

class Destination : public BalancerTest {};

TEST_F(Destination, IsTheActiveOneOfItsTwoSlots) {
    FlowBalancer balancer({1});
    lb_dest dest{};
    dest.slot[0].body = backend(10);
    dest.slot[1].body = backend(11);
    for (const std::uint32_t active : {0, 1, 0}) {
        dest.slot[0].active = active;
        dest.slot[1].active = 1 - active;  // the unused slot
        balancer.set_dest(1, dest);
        EXPECT_EQ(balancer.send(segment(1000, ack)), active ? "backend 11" : "backend 10");
    }
    EXPECT_EQ(balancer.counters(1).flows, 1U);
}

TEST_F(Destination, ThatDropsDropsForTheReasonItGives) {
    FlowBalancer balancer({1});
    for (const auto& [reason, fate] : std::map<lb_reason, std::string>{{LB_DROP_NO_ROUTE, "drop: no_route"},
                                                                       {LB_DROP_NO_NEIGHBOUR, "drop: no_neighbour"},
                                                                       {LB_DROP_NO_INTERFACE, "drop: no_interface"}}) {
        balancer.set_dest(1, lbd::drop_body(reason));
        EXPECT_EQ(balancer.send(segment(1000, ack)), fate);
        EXPECT_EQ(balancer.send(segment(1000, syn)), fate);
    }
}

TEST_F(Destination, CountsPacketsBytesAndFlowsExactly) {
    FlowBalancer balancer({1});
    balancer.serve("192.0.2.1", lbd::Protocol::udp, 53, {2});
    balancer.receive(segment(1000, syn));                         // 40 bytes, no flow
    balancer.receive(padded(segment(1000, ack)));                 // 40 bytes: padding doesn't count
    balancer.receive(segment(1000, ack) / payload(101));          // 141
    balancer.receive(segment(1001, ack) / payload(1));            // 41, another flow
    balancer.receive(segment(1001, fin | ack));                   // 40
    balancer.receive(Ethernet() / IPv4{.ttl = 1} / TCP());        // dropped
    balancer.receive(Ethernet() / IPv4() / UDP() / payload(30));  // 58
    const lb_counters tcp = balancer.counters(1), udp = balancer.counters(2);
    EXPECT_EQ(tcp.packets, 5U);
    EXPECT_EQ(tcp.bytes, 40U + 40 + 141 + 41 + 40);
    EXPECT_EQ(tcp.flows, 2U);
    EXPECT_EQ(udp.packets, 1U);
    EXPECT_EQ(udp.bytes, 58U);
    EXPECT_EQ(udp.flows, 1U);
}

TEST_F(Destination, BehindAnotherInterfaceIsReachedByARedirect) {
    FlowBalancer balancer({1});
    lb_dest_body body = backend(1);
    body.ifindex = 7;
    balancer.set_dest(1, body);
    balancer.open_port(7);
    const Outcome outcome = balancer.receive(segment(1000, ack));
    EXPECT_EQ(outcome.fate, "redirect");
    EXPECT_EQ(outcome.frame[5], 1);
    EXPECT_EQ(balancer.counters(1).packets, 1U);
}

TEST_F(Destination, BehindAnInterfaceThatIsNotBalancedOnIsNotReached) {
    FlowBalancer balancer({1});
    lb_dest_body body = backend(1);
    body.ifindex = 7;
    balancer.set_dest(1, body);
    balancer.open_port(8);
    EXPECT_EQ(balancer.send(segment(1000, ack)), "drop: no_interface");
    EXPECT_EQ(balancer.counters(1).packets, 0U);
}

class Service : public BalancerTest {};

TEST_F(Service, OfAllPortsTakesEveryPortOfItsProtocolAndFamily) {
    FlowBalancer balancer({1});
    balancer.serve("192.0.2.1", lbd::Protocol::tcp, 0, {2});
    balancer.serve("2001:db8::1", lbd::Protocol::udp, 0, {3});
    EXPECT_EQ(balancer.send(Ethernet() / IPv4() / TCP{.destination = 80}), "backend 1") << "the port's own service";
    for (const std::uint16_t port : std::to_array<std::uint16_t>({0, 1, 81, 65535})) {
        EXPECT_EQ(balancer.send(Ethernet() / IPv4() / TCP{.destination = port}), "backend 2");
        EXPECT_EQ(balancer.send(Ethernet() / IPv6() / UDP{.destination = port}), "backend 3");
        EXPECT_EQ(balancer.send(Ethernet() / IPv4() / UDP{.destination = port}), "pass");
        EXPECT_EQ(balancer.send(Ethernet() / IPv6() / TCP{.destination = port}), "pass");
    }
}

TEST_F(Service, OnTheSamePortOfTheOtherProtocolIsAnother) {
    FlowBalancer balancer({1});
    balancer.serve("192.0.2.1", lbd::Protocol::udp, 80, {2});
    EXPECT_EQ(balancer.send(Ethernet() / IPv4() / TCP{.destination = 80}), "backend 1");
    EXPECT_EQ(balancer.send(Ethernet() / IPv4() / UDP{.destination = 80}), "backend 2");
}

TEST_F(Service, WithoutAnyBackendDropsAndCounts) {
    FlowBalancer balancer{std::vector<std::uint16_t>{}};
    EXPECT_EQ(balancer.send(segment(1000, syn)), "drop: no_backend");
    balancer.set_ring({1});
    balancer.set_dest(1, lb_dest_body{});
    EXPECT_EQ(balancer.send(segment(1000, syn)), "drop: no_backend");
}

}  // namespace
}  // namespace culvert::packet
