// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "lbd/plan/template.hpp"
#include "tests/packet/flows.hpp"

namespace culvert::packet {
namespace {

class Flow : public BalancerTest {};

TEST_F(Flow, IsNotStoredByASyn) {
    FlowBalancer balancer;
    for (std::uint16_t port = 1; port <= 200; ++port)
        EXPECT_EQ(balancer.send(segment(port, port % 2 ? syn : syn | ack)), "backend 1");
    EXPECT_EQ(used(entries(balancer)), 0U);
    EXPECT_EQ(balancer.counters(1).flows, 0U);
    EXPECT_EQ(balancer.counters(1).packets, 200U);
}

TEST_F(Flow, IsStoredByTheFirstPacketBehindTheSyn) {
    FlowBalancer balancer({2});
    balancer.send(segment(1000, syn));
    EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 2");
    const Entries stored = entries(balancer);
    ASSERT_EQ(used(stored), 1U);
    EXPECT_NE(stored[0].tag, 0U);
    EXPECT_EQ(stored[0], (Entry{.tag = stored[0].tag, .dest = 2}));
    EXPECT_EQ(balancer.counters(2).flows, 1U);
}

TEST_F(Flow, IsSeenAgainByItsSecondPacketAndStoredOnce) {
    FlowBalancer balancer;
    for (int i = 0; i < 10; ++i) EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 1");
    const Entries stored = entries(balancer);
    EXPECT_EQ(used(stored), 1U);
    EXPECT_TRUE(stored[0].seen);
    EXPECT_EQ(balancer.counters(1).flows, 1U);
}

TEST_F(Flow, OfUdpIsStoredByItsFirstPacket) {
    FlowBalancer balancer;
    balancer.serve("192.0.2.1", lbd::Protocol::udp, 53, {3});
    EXPECT_EQ(balancer.send(Ethernet() / IPv4() / UDP()), "backend 3");
    EXPECT_EQ(entries(balancer)[0].dest, 3U);
}

TEST_F(Flow, OfIPv6IsStoredLikewise) {
    FlowBalancer balancer;
    balancer.serve("2001:db8::1", lbd::Protocol::tcp, 80, {3});
    EXPECT_EQ(balancer.send(Ethernet() / IPv6() / TCP()), "backend 3");
    balancer.serve("2001:db8::1", lbd::Protocol::tcp, 80, {2});
    EXPECT_EQ(balancer.send(Ethernet() / IPv6() / TCP()), "backend 3");
    EXPECT_EQ(balancer.send(Ethernet() / IPv6() / TCP{.source = 1}), "backend 2");
}

TEST_F(Flow, KeepsItsBackendWhenTheRingChanges) {
    FlowBalancer balancer({1});
    balancer.send(segment(1000, ack));
    balancer.set_ring({2});
    EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 1");
    EXPECT_EQ(balancer.send(segment(1000, syn)), "backend 1") << "a SYN sent again belongs to the same connection";
    EXPECT_EQ(balancer.send(segment(1001, ack)), "backend 2");
}

TEST_F(Flow, KeepsItsBackendWhenNoneTakesNewFlows) {
    FlowBalancer balancer({1});
    balancer.send(segment(1000, ack));
    balancer.set_ring({});
    EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 1");
    EXPECT_EQ(balancer.send(segment(1001, ack)), "drop: no_backend");
}

TEST_F(Flow, FollowsTheRingUntilItIsStored) {
    FlowBalancer balancer({1});
    EXPECT_EQ(balancer.send(segment(1000, syn)), "backend 1");
    balancer.set_ring({2});
    EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 2");
}

TEST_F(Flow, ThatEndsKeepsItsBackendForWhatStillComes) {
    for (const unsigned last : {fin | ack, +rst, rst | ack}) {
        FlowBalancer balancer({1});
        balancer.send(segment(1000, ack));
        balancer.set_ring({2});
        EXPECT_EQ(balancer.send(segment(1000, last)), "backend 1");
        EXPECT_TRUE(entries(balancer)[0].closing);
        EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 1");
        EXPECT_TRUE(entries(balancer)[0].closing);
    }
}

/// An entry of the flow with this hash, last used in the previous time unit.
constexpr std::uint64_t own_hash = 0x123456789abcdef0;
Entry before_now(bool closing, unsigned age = 0) {
    return {.tag = 0x1234567, .dest = 1, .time = 0xfff, .seen = true, .closing = closing, .age = age};
}

TEST_F(Flow, AgesOnceInEveryUnitOfTimeInWhichPacketsCome) {
    FlowBalancer balancer({1}, with_hash(own_hash));
    for (const unsigned age : {0U, 1U, 2U, 3U}) {
        set_entries(balancer, {before_now(false, age)});
        for (int i = 0; i < 3; ++i) balancer.send(segment(1000, ack));
        EXPECT_EQ(entries(balancer)[0].age, std::min(age + 1, 3U));
        EXPECT_EQ(entries(balancer)[0].time, 0U);
    }
}

// Anybody can send a FIN or a RST. But a client sends no data after its own FIN (RFC 9293, section 3.6).
TEST_F(Flow, ThatSeemedToHaveEndedHasNotIfDataComesLater) {
    FlowBalancer balancer({1}, with_hash(own_hash));
    const auto is_closing_after = [&](unsigned flags) {
        set_entries(balancer, {before_now(true)});
        EXPECT_EQ(balancer.send(segment(1000, flags)), "backend 1");
        return entries(balancer)[0].closing;
    };
    EXPECT_FALSE(is_closing_after(psh | ack));
    EXPECT_TRUE(is_closing_after(ack)) << "of data that the server still sends";
    EXPECT_TRUE(is_closing_after(fin | psh | ack));
    EXPECT_TRUE(is_closing_after(rst | psh));
    balancer.send(segment(1000, psh | ack));
    EXPECT_TRUE(entries(balancer)[0].closing) << "data that the FIN has overtaken arrives at once";
}

TEST_F(Flow, OfSctpLikewise) {
    FlowBalancer balancer;
    balancer.serve("192.0.2.1", lbd::Protocol::sctp, 9899, {1});
    const auto chunk = [](std::uint8_t type) { return Ethernet() / IPv4() / SCTP{.chunk = type} / payload(4); };
    for (const auto& [last, closes] :
         {std::pair{6, true}, {14, true}, {0, false}, {3, false}, {22, false}, {193, false}}) {
        set_entries(balancer, {});
        balancer.send(chunk(0));
        balancer.send(chunk(static_cast<std::uint8_t>(last)));
        EXPECT_EQ(entries(balancer)[0].closing, closes) << last;
    }
    balancer.send(chunk(6));
    Entry closing = entries(balancer)[0];
    closing.time = 0xfff;
    for (const auto& [type, stays] : {std::pair{3, true}, {0, false}}) {
        set_entries(balancer, {closing});
        balancer.send(chunk(static_cast<std::uint8_t>(type)));
        EXPECT_EQ(entries(balancer)[0].closing, stays) << type;
    }
}

TEST_F(Flow, ThatHasEndedChoosesAnewWithItsNextSyn) {
    for (const unsigned last : {fin | ack, +rst}) {
        FlowBalancer balancer({1});
        balancer.send(segment(1000, ack));
        balancer.send(segment(1000, last));
        balancer.set_ring({2});
        EXPECT_EQ(balancer.send(segment(1000, syn)), "backend 2");
        EXPECT_EQ(used(entries(balancer)), 0U);
        EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 2");
        EXPECT_EQ(entries(balancer)[0].dest, 2U);
        EXPECT_FALSE(entries(balancer)[0].closing);
    }
}

TEST_F(Flow, IsNotStoredByItsEnd) {
    FlowBalancer balancer;
    EXPECT_EQ(balancer.send(segment(1000, fin | ack)), "backend 1");
    EXPECT_EQ(balancer.send(segment(1000, rst)), "backend 1");
    EXPECT_EQ(used(entries(balancer)), 0U);
}

TEST_F(Flow, IsNotStoredByAPacketThatIsDropped) {
    FlowBalancer balancer;
    balancer.set_dest(1, lbd::drop_body(LB_DROP_NO_NEIGHBOUR));
    EXPECT_EQ(balancer.send(segment(1000, ack)), "drop: no_neighbour");
    lb_dest_body narrow = backend(1);
    narrow.mtu = 39;
    balancer.set_dest(1, narrow);
    EXPECT_EQ(balancer.send(segment(1000, ack)), "answered: too_big");
    EXPECT_EQ(used(entries(balancer)), 0U);
    EXPECT_EQ(balancer.counters(1).packets, 0U);
}

TEST_F(Flow, OfABackendThatIsGoneChoosesAnewAndKeepsThat) {
    FlowBalancer balancer({1});
    for (std::uint16_t port = 1; port <= 8; ++port) balancer.send(segment(port, ack));
    balancer.set_ring({2});
    balancer.set_dest(1, lb_dest_body{});
    for (std::uint16_t port = 1; port <= 8; ++port)
        for (int i = 0; i < 3; ++i) EXPECT_EQ(balancer.send(segment(port, ack)), "backend 2");
    for (const Entry& entry : entries(balancer)) EXPECT_EQ(entry.dest, 2U);
    EXPECT_EQ(balancer.counters(2).flows, 8U);
}

TEST_F(Flow, OfABackendThatIsDownMovesForGood) {
    FlowBalancer balancer({1});
    balancer.send(segment(1000, ack));
    lb_dest_body down = backend(1);
    down.flags |= LB_DEST_LEFT;
    balancer.set_dest(1, down);
    EXPECT_EQ(balancer.send(segment(1000, ack)), "drop: no_backend") << "the ring still names it";
    balancer.set_ring({2});
    EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 2");
    EXPECT_EQ(used(entries(balancer)), 1U);
    balancer.set_dest(1, backend(1));
    balancer.set_ring({1});
    EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 2") << "though the other one is up again";
}

TEST_F(Flow, OfASorryBackendThatIsNotNeededMovesIfItIsUdp) {
    for (const char* vip : {"192.0.2.1", "2001:db8::1"}) {
        const bool v6 = std::string_view(vip).find(':') != std::string_view::npos;
        const auto ip = [&] { return v6 ? Ethernet() / IPv6() : Ethernet() / IPv4(); };
        const auto quoted = [&] {
            return v6 ? Ethernet() / IPv6() / Icmp6{.type = 1} / IPv6{.source = vip, .destination = "2001:db8:c::7"} /
                            UDP{.source = 53, .destination = 40000}
                      : Ethernet() / IPv4() / Icmp{.type = 3} / IPv4{.source = vip, .destination = "198.51.100.7"} /
                            UDP{.source = 53, .destination = 40000};
        };
        FlowBalancer balancer({1}, all_on(), 64);
        const auto set_rings = [&](const std::vector<std::uint16_t>& ring) {
            balancer.serve(vip, lbd::Protocol::udp, 53, ring);
            balancer.serve(vip, lbd::Protocol::tcp, 80, ring);
            balancer.serve(vip, lbd::Protocol::sctp, 9899, ring);
        };
        set_rings({1});
        for (const Packet& first : {ip() / UDP(), ip() / TCP(), ip() / SCTP()})
            EXPECT_EQ(balancer.send(first), "backend 1") << vip;
        set_rings({2});
        EXPECT_EQ(balancer.send(ip() / UDP()), "backend 1") << "it is needed, or drained, or of weight 0";
        lb_dest_body sorry = backend(1);
        sorry.flags |= LB_DEST_SORRY;
        balancer.set_dest(1, sorry);
        EXPECT_EQ(balancer.send(quoted()), "backend 1") << "the backend that sent it";
        EXPECT_EQ(balancer.send(ip() / UDP()), "backend 2") << vip;
        EXPECT_EQ(balancer.counters(2).flows, 1U) << vip;
        EXPECT_EQ(balancer.send(quoted()), "backend 2") << vip;
        for (const Packet& next : {ip() / TCP(), ip() / SCTP()}) EXPECT_EQ(balancer.send(next), "backend 1") << vip;
        EXPECT_EQ(balancer.send(ip() / TCP{.source = 40001}), "backend 2") << vip;

        balancer.set_dest(1, backend(1));
        EXPECT_EQ(balancer.send(ip() / UDP()), "backend 2") << "it has moved for good";
        balancer.set_dest(1, sorry);
        set_rings({1});
        EXPECT_EQ(balancer.send(ip() / UDP{.source = 7}), "backend 1")
            << "the entry in the Maglev table is never refused";
    }
}

// The old entry must not hide the new one.
TEST_F(Flow, OfABackendThatIsGoneIsReplacedAndNotDoubled) {
    FlowBalancer balancer({1});
    balancer.send(segment(1000, ack));
    const Entry stale = entries(balancer)[0];
    for (std::size_t way = 0; way < 8; ++way) {
        Entries stored{};
        stored.at(way) = stale;
        set_entries(balancer, stored);
        balancer.set_dest(1, lb_dest_body{});
        balancer.set_ring({2});
        balancer.send(segment(1000, ack));
        stored.at(way).dest = 2;
        EXPECT_EQ(entries(balancer), stored);
    }
}

TEST_F(Flow, OfABackendThatIsGoneIsDroppedWhenNoneIsLeft) {
    FlowBalancer balancer({1});
    balancer.send(segment(1000, ack));
    balancer.set_dest(1, lb_dest_body{});
    EXPECT_EQ(balancer.send(segment(1000, ack)), "drop: no_backend") << "the ring still names it";
    balancer.set_ring({});
    EXPECT_EQ(balancer.send(segment(1000, ack)), "drop: no_backend");
}

TEST_F(Flow, WhoseHashCollidesWithAnotherSharesItsBackend) {
    FlowBalancer balancer({1}, with_hash(0x123456789abcdef0));
    const auto from = [](const char* client) { return Ethernet() / IPv4{.source = client} / TCP(); };
    balancer.send(from("198.51.100.1"));
    balancer.set_ring({2});
    EXPECT_EQ(balancer.send(from("198.51.100.2")), "backend 1");
    EXPECT_EQ(entries(balancer)[0], (Entry{.tag = 0x1234567, .dest = 1, .seen = true}));
    EXPECT_EQ(used(entries(balancer)), 1U);
}

// The low bits select the bucket. The tag has the high bits, so that flows of one bucket have different tags.
TEST_F(Flow, IsInTheBucketOfItsHashAlone) {
    FlowBalancer balancer({1}, with_hash(0xabcdef0123456789), 16);
    balancer.send(segment(1000, ack));
    for (std::uint32_t bucket = 0; bucket < 16; ++bucket)
        EXPECT_EQ(used(entries(balancer, bucket)), bucket == 9 ? 1U : 0U) << "bucket " << bucket;
    EXPECT_EQ(entries(balancer, 9)[0].tag, 0xabcdef0U);
}

TEST_F(Flow, IsTakenForAnotherIfAnyBitOfTheClientIsAnother) {
    FlowBalancer balancer;
    balancer.serve("2001:db8::1", lbd::Protocol::tcp, 80, {1});
    std::set<std::uint32_t> tags;
    const auto send = [&](const Bytes& frame) {
        set_entries(balancer, {});
        EXPECT_EQ(balancer.receive(frame).fate, "tx");
        tags.insert(entries(balancer)[0].tag);
    };
    const auto with_bit_changed = [](Bytes frame, std::size_t offset, unsigned bit) {
        frame.at(offset + bit / 8) ^= static_cast<std::uint8_t>(1U << bit % 8);
        return frame;
    };
    const Packet packet = Ethernet() / IPv6() / TCP();
    send(packet.bytes());
    for (unsigned bit = 0; bit < 128; ++bit) send(with_bit_changed(packet.bytes(), 14 + 8, bit));
    for (unsigned bit = 0; bit < 16; ++bit) send(with_bit_changed(packet.bytes(), 14 + 40, bit));
    EXPECT_EQ(tags.size(), 1U + 128 + 16);

    tags.clear();
    send((Ethernet() / IPv4{.source = "198.51.100.7"} / TCP()).bytes());
    for (const char* client : {"198.51.100.6", "198.51.101.7", "198.50.100.7", "199.51.100.7", "7.100.51.198"})
        send((Ethernet() / IPv4{.source = client} / TCP()).bytes());
    for (unsigned bit = 0; bit < 16; ++bit) send(with_bit_changed((Ethernet() / IPv4() / TCP()).bytes(), 14 + 20, bit));
    EXPECT_EQ(tags.size(), 1U + 5 + 16);
}

TEST_F(Flow, IsTakenForAnotherIfItsServiceIsAnother) {
    FlowBalancer balancer;
    std::set<std::uint32_t> tags;
    const auto send = [&](const Packet& packet) {
        set_entries(balancer, {});
        EXPECT_EQ(balancer.receive(packet).fate, "tx");
        tags.insert(entries(balancer)[0].tag);
    };
    for (const lbd::Protocol protocol : {lbd::Protocol::tcp, lbd::Protocol::udp})
        for (const std::uint16_t port : std::to_array<std::uint16_t>({80, 81}))
            for (const char* vip : {"192.0.2.1", "192.0.3.1", "2001:db8::1", "2001:db8::1:0:1", "2001:db8:0:1::1",
                                    "2001:db9::1", "2001:db8::2"}) {
                balancer.serve(vip, protocol, port, {1});
                const Packet l4 = protocol == lbd::Protocol::tcp ? Packet(TCP{.destination = port})
                                                                 : Packet(UDP{.destination = port});
                const bool v6 = std::string_view(vip).find(':') != std::string_view::npos;
                send(Ethernet() / (v6 ? Packet(IPv6{.destination = vip}) : Packet(IPv4{.destination = vip})) / l4);
            }
    EXPECT_EQ(tags.size(), 2U * 2 * 7);
}

TEST_F(Flow, WithATagOfZeroIsNotTakenForAnEmptyEntry) {
    FlowBalancer balancer({1}, with_hash(0x0000000f12345678));
    EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 1");
    balancer.set_ring({2});
    EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 1");
    EXPECT_EQ(entries(balancer)[0].tag, 1U);
}

TEST_F(Flow, WithATagOneBitFromAnothersIsAnother) {
    FlowBalancer balancer({1}, with_hash(0x123456789abcdef0));
    for (unsigned bit = 0; bit < 28; ++bit) {
        set_entries(balancer, {Entry{.tag = 0x1234567U ^ 1U << bit, .dest = 2, .seen = true}});
        EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 1") << "bit " << bit;
    }
}

TEST_F(Flow, FindsItsEntryInEveryPlace) {
    FlowBalancer balancer({1}, with_hash(0x123456789abcdef0));
    for (std::size_t way = 0; way < 8; ++way) {
        Entries stored;
        for (std::size_t i = 0; i < 8; ++i) stored.at(i) = {.tag = static_cast<std::uint32_t>(i + 1), .dest = 3};
        stored.at(way) = {.tag = 0x1234567, .dest = 2};
        set_entries(balancer, stored);
        EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 2");
        stored.at(way).seen = true;
        EXPECT_EQ(entries(balancer), stored);
    }
}

TEST_F(Flow, BearsTheTimeOfItsLastPacket) {
    lb_config config = all_on();
    config.time_shift = 0;
    FlowBalancer balancer({1}, config);
    for (int i = 0; i < 3; ++i) {
        const std::uint64_t before = balancer.jiffies();
        while (balancer.jiffies() == before) {
        }
        const std::uint64_t from = balancer.jiffies();
        balancer.send(segment(1000, ack));
        const std::uint64_t elapsed = balancer.jiffies() - from;
        const std::uint64_t since_from = (entries(balancer)[0].time - from) & 0xfff;
        EXPECT_LE(since_from, elapsed);
    }
}

TEST_F(Flow, TimeCountsUnitsOfTheConfiguredLength) {
    lb_config config = all_on();
    config.time_shift = 20;  // more than an hour, so the time is constant during the test
    FlowBalancer balancer({1}, config);
    balancer.send(segment(1000, ack));
    EXPECT_EQ(entries(balancer)[0].time, (balancer.jiffies() >> 20) & 0xfff);
}

}  // namespace
}  // namespace culvert::packet
