// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>

#include "tests/packet/balancer.hpp"
#include "tests/packet/flows.hpp"
#include "tests/packet/paths.hpp"

namespace culvert::packet {
namespace {

class Fragments : public BalancerTest {};

Packet first4(std::uint16_t id, std::uint16_t port = 40000) {
    return Ethernet() / IPv4{.id = id, .fragment = 0x2000} / UDP{.source = port, .length = 2000} / payload(1000);
}
Packet later4(std::uint16_t id, std::size_t length = 500, std::uint8_t protocol = 17) {
    return Ethernet() / IPv4{.id = id, .fragment = 126, .protocol = protocol} / payload(length);
}
Packet first6(std::uint8_t id) {
    return Ethernet() / IPv6() / Extension{44, {0, 1, 0, 0, 0, id}} / UDP{.length = 2000} / payload(1000);
}
Packet later6(std::uint8_t id) {
    return Ethernet() / IPv6{.next_header = 44} / Payload{{17, 0, 3, 0xf0, 0, 0, 0, id}} / payload(500);
}

/// UDP packets to port 53 may go to any of three backends.
struct ThreeBackends : FlowBalancer {
    explicit ThreeBackends(std::uint32_t buckets = 64) : FlowBalancer({1}, all_on(), buckets) {
        for (const char* vip : {"192.0.2.1", "2001:db8::1"}) serve(vip, lbd::Protocol::udp, 53, {1, 2, 3});
    }
};

TEST_F(Fragments, FollowTheFirstOneWhateverItsFlow) {
    ThreeBackends balancer;
    std::set<std::string> all;
    for (std::uint16_t id = 1; id <= 20; ++id) {
        const std::string backend = balancer.send(first4(id, static_cast<std::uint16_t>(1000 + id)));
        EXPECT_EQ(balancer.send(later4(id)), backend);
        EXPECT_EQ(balancer.send(later4(id, 3)), backend) << "the last one may be short";
        all.insert(backend);
    }
    EXPECT_EQ(all.size(), 3U);
    for (std::uint8_t id = 1; id <= 20; ++id) EXPECT_EQ(balancer.send(later6(id)), "drop: fragment");
    const std::string backend = balancer.send(first6(1));
    EXPECT_EQ(balancer.send(later6(1)), backend);
    EXPECT_EQ(balancer.send(later6(2)), "drop: fragment");
}

TEST_F(Fragments, AreNoFlow) {
    FlowBalancer balancer;
    balancer.serve("192.0.2.1", lbd::Protocol::udp, 53, {1});
    balancer.send(first4(1));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(balancer.send(later4(1)), "backend 1");
    const Entries stored = entries(balancer);
    ASSERT_EQ(used(stored), 2U);
    EXPECT_FALSE(stored[0].closing);
    EXPECT_EQ(stored[1], (Entry{.tag = stored[1].tag, .dest = 1, .closing = true}));
}

TEST_F(Fragments, GoWhereTheWholePacketsOfTheFlowGo) {
    ThreeBackends balancer;
    for (std::uint16_t port = 1000; port < 1020; ++port)
        EXPECT_EQ(balancer.send(first4(port, port)),
                  balancer.send(Ethernet() / IPv4() / UDP{.source = port} / payload(10)));
}

TEST_F(Fragments, ThatComeBeforeTheFirstAreDroppedAndCounted) {
    ThreeBackends balancer;
    EXPECT_EQ(balancer.send(later4(7)), "drop: fragment");
    balancer.send(first4(7));
    EXPECT_NE(balancer.send(later4(7)), "drop: fragment");
    EXPECT_EQ(balancer.send(later4(8)), "drop: fragment");
}

TEST_F(Fragments, OfAnotherPacketWithTheSameIdentificationGoWithThat) {
    ThreeBackends balancer;
    std::set<std::string> all;
    for (std::uint16_t port = 1000; port < 1020; ++port) {
        const std::string backend = balancer.send(first4(7, port));
        EXPECT_EQ(balancer.send(later4(7)), backend);
        all.insert(backend);
    }
    EXPECT_GT(all.size(), 1U);
}

TEST_F(Fragments, FollowTheirFirstOneThroughAChangeOfTheTable) {
    struct Mode {
        const char* name;
        std::uint32_t flags;
        bool has_entries;
    };
    FlowBalancer balancer({1}, all_on(), 64);
    balancer.sample(~0U);
    std::uint16_t number = 1;
    for (const Mode& mode : {Mode{"track: none", LB_SERVICE_NEVER, false}, Mode{"track: just enough", 0, false},
                             Mode{"track: all", LB_SERVICE_ALL, true}, Mode{"sticky", LB_SERVICE_EACH, true}}) {
        SCOPED_TRACE(mode.name);
        const auto turn_to = [&](std::uint16_t backend) {
            balancer.serve("192.0.2.1", lbd::Protocol::tcp, 80, {backend}, mode.flags);
        };
        const auto first = [port = static_cast<std::uint16_t>(1000 + number)](std::uint16_t id) {
            return Ethernet() / IPv4{.id = id, .fragment = 0x2000} / TCP{.source = port, .flags = ack} / payload(988);
        };
        const std::uint16_t before = number++, after = number++;
        turn_to(1);
        EXPECT_EQ(balancer.send(first(before)), "backend 1");
        turn_to(2);
        EXPECT_EQ(balancer.send(later4(before, 500, 6)), "backend 1");
        const std::string now = mode.has_entries ? "backend 1" : "backend 2";
        EXPECT_EQ(balancer.send(first(after)), now);
        EXPECT_EQ(balancer.send(later4(after, 500, 6)), now);
        EXPECT_EQ(balancer.send(later4(before, 500, 6)), "backend 1");
    }
}

/// Packets whose first fragment went to backend 1 stay there, although new ones go to backend 2.
void expect_later_ones_to_follow(FlowBalancer& balancer) {
    EXPECT_EQ(balancer.send(later4(1)), "backend 1");
    EXPECT_EQ(balancer.send(later6(1)), "backend 1");
    EXPECT_EQ(balancer.send(first4(2)), "backend 2");
    EXPECT_EQ(balancer.send(later4(2)), "backend 2");
    EXPECT_EQ(balancer.send(first6(1)), "backend 2") << "another packet with the same identification";
    EXPECT_EQ(balancer.send(later6(1)), "backend 2");
}

TEST_F(Fragments, OfUdpThatIsNeverTrackedDoSoToo) {
    FlowBalancer balancer({1}, all_on(), 64);
    const auto turn_to = [&](std::uint16_t backend) {
        for (const char* vip : {"192.0.2.1", "2001:db8::1"})
            balancer.serve(vip, lbd::Protocol::udp, 53, {backend}, LB_SERVICE_NEVER);
    };
    turn_to(1);
    EXPECT_EQ(balancer.send(first4(1)), "backend 1");
    EXPECT_EQ(balancer.send(first6(1)), "backend 1");
    turn_to(2);
    expect_later_ones_to_follow(balancer);
}

TEST_F(Fragments, AreTheFirstToMakeRoomInAFullBucket) {
    FlowBalancer balancer;
    balancer.serve("192.0.2.1", lbd::Protocol::udp, 53, {1});
    balancer.send(first4(1));
    for (std::uint16_t port = 1; port <= 7; ++port) balancer.send(segment(port, ack));
    EXPECT_EQ(balancer.send(later4(1)), "drop: fragment");
    EXPECT_EQ(balancer.counters(1).flows, 8U);
}

TEST_F(Fragments, OfASorryBackendThatIsNotNeededFollowTheirFirstOne) {
    FlowBalancer balancer({1}, all_on(), 64);
    for (const char* vip : {"192.0.2.1", "2001:db8::1"}) balancer.serve(vip, lbd::Protocol::udp, 53, {1});
    balancer.send(first4(1));
    balancer.send(first6(1));
    lb_dest_body sorry = backend(1);
    sorry.flags |= LB_DEST_SORRY;
    balancer.set_dest(1, sorry);
    for (const char* vip : {"192.0.2.1", "2001:db8::1"}) balancer.serve(vip, lbd::Protocol::udp, 53, {2});
    expect_later_ones_to_follow(balancer);
}

TEST_F(Fragments, HaveTheSumOfTheirBytesWhereTheOuterChecksumIsNeeded) {
    const Path path{lbd::Gue{5080}, Family::ipv4, Family::ipv6, Protocol::udp};
    Balancer balancer;
    install(balancer, path);
    const auto expected = [](const Packet& l4, std::uint16_t fragment, const Bytes& got) {
        const Entropy entropy = entropy_of({lbd::Gue{5080}, Family::ipv4, Family::ipv6, Protocol::udp}, got);
        return Ethernet{.source = "02:00:00:00:00:02", .destination = "02:00:00:00:00:03"} /
               IPv6{.source = "fd00::1", .destination = "fd00:0:0:2::30", .flow_label = entropy.flow_label} /
               UDP{.source = entropy.source_port, .destination = 5080} / Gue() /
               IPv4{.ttl = 63, .id = 9, .fragment = fragment, .protocol = 17} / l4;
    };
    const Packet first = UDP{.length = 2000} / payload(1001);
    Bytes got = balancer.receive(Ethernet() / IPv4{.id = 9, .fragment = 0x2000} / first).frame;
    EXPECT_TRUE(same(expected(first, 0x2000, got), got));
    got = balancer.receive(padded(Ethernet() / IPv4{.id = 9, .fragment = 126, .protocol = 17} / payload(5))).frame;
    EXPECT_TRUE(same(expected(payload(5), 126, got), got));
}

}  // namespace
}  // namespace culvert::packet
