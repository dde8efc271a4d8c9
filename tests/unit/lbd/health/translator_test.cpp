// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/translator.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "lbd/health/probe_address.hpp"
#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

using netlink::Family;
using netlink::IpAddress;
using Packet = std::vector<std::uint8_t>;

void put16(Packet& packet, std::size_t at, unsigned value) {
    packet[at] = static_cast<std::uint8_t>(value >> 8);
    packet[at + 1] = static_cast<std::uint8_t>(value);
}

/// RFC 1071; 0 for bytes that contain their own checksum.
std::uint16_t checksum(std::span<const std::uint8_t> bytes, std::uint32_t sum = 0) {
    for (std::size_t i = 0; i < bytes.size(); ++i) sum += std::uint32_t{bytes[i]} << (i % 2 == 0 ? 8 : 0);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

std::size_t l4_of(const Packet& packet) { return packet[0] >> 4 == 4 ? 20 : 40; }
std::uint8_t protocol_of(const Packet& packet) { return packet[0] >> 4 == 4 ? packet[9] : packet[6]; }

/// The sum of all that an L4 checksum covers, with the checksum.
std::uint16_t l4_checksum(const Packet& packet) {
    const std::size_t l4 = l4_of(packet);
    const std::span bytes(packet);
    if (protocol_of(packet) == IPPROTO_ICMP) return checksum(bytes.subspan(l4));
    const auto addresses = l4 == 20 ? bytes.subspan(12, 8) : bytes.subspan(8, 32);
    const auto pseudo = static_cast<std::uint16_t>(~checksum(addresses));
    return checksum(bytes.subspan(l4),
                    std::uint32_t{pseudo} + protocol_of(packet) + static_cast<std::uint32_t>(packet.size() - l4));
}

/// With correct checksums and some bytes of payload.
Packet make(const Endpoints& endpoints, std::uint8_t tcp_flags = 0, std::uint8_t icmp_type = 0) {
    const bool v4 = endpoints.source.is_v4();
    const std::size_t l4 = v4 ? 20 : 40;
    Packet packet(l4 + 27);
    packet[0] = v4 ? 0x45 : 0x60;
    put16(packet, v4 ? 2 : 4, static_cast<unsigned>(v4 ? packet.size() : packet.size() - l4));
    packet[v4 ? 9 : 6] = endpoints.protocol;
    std::ranges::copy(endpoints.source.bytes(), packet.begin() + (v4 ? 12 : 8));
    std::ranges::copy(endpoints.destination.bytes(), packet.begin() + (v4 ? 16 : 24));
    if (v4) put16(packet, 10, checksum(std::span(packet).first(20)));
    for (std::size_t i = l4 + 20; i < packet.size(); ++i) packet[i] = static_cast<std::uint8_t>(i * 7);
    std::size_t check = l4 + 2;
    if (icmp_type != 0 || endpoints.protocol == IPPROTO_ICMP) {
        packet[l4] = icmp_type;
        put16(packet, l4 + 4, endpoints.source_port + endpoints.destination_port);
    } else {
        put16(packet, l4, endpoints.source_port);
        put16(packet, l4 + 2, endpoints.destination_port);
        if (endpoints.protocol == IPPROTO_TCP) packet[l4 + 13] = tcp_flags;
        check = l4 + (endpoints.protocol == IPPROTO_TCP ? 16 : 6);
    }
    put16(packet, check, l4_checksum(packet));
    return packet;
}

void expect_sound(const Packet& packet) {
    EXPECT_EQ(l4_checksum(packet), 0);
    if (packet[0] >> 4 == 4) {
        EXPECT_EQ(checksum(std::span(packet).first(20)), 0);
    }
}

constexpr std::uint8_t ack = 0x10, rst = 0x04;

class TranslatorTest : public testing::Test {
  protected:
    TranslatorTest() {
        translator_.set_targets({{7, {address("192.0.2.1"), address("10.0.0.2")}},
                                 {8, {address("192.0.2.1"), address("10.0.0.2")}},
                                 {9, {address("2001:db8::1"), address("fd00::2")}}});
    }

    /// The addresses and ports on the wire; nothing if it isn't sent.
    std::optional<Endpoints> sent(Packet packet, probe_queue queue = PROBE_QUEUE_OWN) {
        const auto dest = translator_.outward(packet, queue);
        if (!dest) return std::nullopt;
        EXPECT_EQ(dest, last_dest_);
        expect_sound(packet);
        return read_endpoints(packet);
    }
    std::optional<Endpoints> to(std::uint32_t dest, std::uint16_t port, std::uint8_t flags = ack,
                                probe_queue queue = PROBE_QUEUE_OWN) {
        last_dest_ = dest;
        const Family family = dest == 9 ? Family::ipv6 : Family::ipv4;
        return sent(make({probe_source(family).address, probe_address(dest, family), port, 80, IPPROTO_TCP}, flags),
                    queue);
    }
    /// The addresses and ports that this host receives for an answer.
    std::optional<Endpoints> received(const Endpoints& answer, std::uint8_t icmp_type = 0) {
        Packet packet = make(answer, ack, icmp_type);
        if (!translator_.inward(packet)) return std::nullopt;
        expect_sound(packet);
        return read_endpoints(packet);
    }
    static Endpoints reversed(Endpoints endpoints) {
        std::swap(endpoints.source, endpoints.destination);
        std::swap(endpoints.source_port, endpoints.destination_port);
        return endpoints;
    }

    Translator translator_;
    std::uint32_t last_dest_ = 0;
};

TEST(ProbeAddress, IsTheDestinationsIdInANetworkOfItsOwn) {
    EXPECT_EQ(probe_address(1, Family::ipv4).to_string(), "240.0.0.1");
    EXPECT_EQ(probe_address(LB_DEST_MAX - 1, Family::ipv4).to_string(), "240.15.255.255");
    EXPECT_EQ(probe_address(0x1234, Family::ipv6).to_string(), "fd63:756c:7665:7274::1234");
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        EXPECT_EQ(dest_of(probe_address(77'777, family)), 77'777);
        EXPECT_EQ(dest_of(probe_source(family).address), std::nullopt);
        EXPECT_TRUE(probe_sources(family).contains(probe_source(family).address));
        for (const std::uint32_t chance : {0U, 1U, UINT32_MAX}) {
            EXPECT_TRUE(probe_sources(family).contains(own_source(family, chance)));
            EXPECT_EQ(dest_of(own_source(family, chance)), std::nullopt);
        }
    }
    EXPECT_EQ(probe_sources(Family::ipv4).to_string(), "240.128.0.0/9");
    EXPECT_EQ(own_source(Family::ipv6, 5).to_string(), "fd63:756c:7665:7274::80:5");
    EXPECT_EQ(dest_of(address("10.0.0.1")), std::nullopt);
}

TEST_F(TranslatorTest, AConnectionGoesToTheVipAndItsAnswerComesBack) {
    for (const std::uint32_t dest : {7U, 9U}) {
        const auto out = to(dest, 40'000);
        ASSERT_TRUE(out);
        EXPECT_EQ(out->destination, address(dest == 9 ? "2001:db8::1" : "192.0.2.1"));
        EXPECT_EQ(out->source, address(dest == 9 ? "fd00::2" : "10.0.0.2"));
        EXPECT_EQ(out->destination_port, 80);
        EXPECT_EQ(to(dest, 40'000), out) << "the next packet takes the same port";

        const Family family = out->source.family();
        EXPECT_EQ(received(reversed(*out)),
                  (Endpoints{probe_address(dest, family), probe_source(family).address, 80, 40'000, IPPROTO_TCP}));
    }
}

TEST_F(TranslatorTest, BackendsOfOneVipAreToldApartByPorts) {
    const auto seventh = to(7, 40'000), eighth = to(8, 40'000);
    ASSERT_TRUE(seventh && eighth);
    EXPECT_NE(seventh->source_port, eighth->source_port);
    EXPECT_EQ(received(reversed(*seventh))->source, probe_address(7, Family::ipv4));
    EXPECT_EQ(received(reversed(*eighth))->source, probe_address(8, Family::ipv4));
}

TEST_F(TranslatorTest, UdpAndEchoesToo) {
    last_dest_ = 7;
    const IpAddress own = probe_source(Family::ipv4).address, seventh = probe_address(7, Family::ipv4);
    const auto query = sent(make({own, seventh, 5'000, 53, IPPROTO_UDP}));
    ASSERT_TRUE(query);
    EXPECT_EQ(received(reversed(*query)), (Endpoints{seventh, own, 53, 5'000, IPPROTO_UDP}));

    const auto echo = sent(make({own, seventh, 77, 0, IPPROTO_ICMP}, 0, 8));
    ASSERT_TRUE(echo);
    EXPECT_EQ(received(reversed(*echo), 0), (Endpoints{seventh, own, 0, 77, IPPROTO_ICMP}));
    last_dest_ = 9;
    const auto echo6 =
        sent(make({probe_source(Family::ipv6).address, probe_address(9, Family::ipv6), 78, 0, IPPROTO_ICMPV6}, 0, 128));
    ASSERT_TRUE(echo6);
    EXPECT_EQ(received(reversed(*echo6), 129)->destination_port, 78);
}

// Only a checksum of all ones makes a packet of zeros sum to all ones.
TEST_F(TranslatorTest, AnEchoReplyOfNothingButZerosStaysSound) {
    const auto with_zeros = [](const Endpoints& endpoints, std::uint8_t type) {
        Packet packet = make(endpoints, 0, type);
        std::fill(packet.begin() + 40, packet.end(), 0);
        put16(packet, 22, 0);
        put16(packet, 22, l4_checksum(packet));
        return packet;
    };
    const IpAddress own = probe_source(Family::ipv4).address, seventh = probe_address(7, Family::ipv4);
    Packet request = with_zeros({own, seventh, 0, 0, IPPROTO_ICMP}, 8);
    ASSERT_TRUE(translator_.outward(request, PROBE_QUEUE_OWN));
    expect_sound(request);
    Packet reply = with_zeros(reversed(*read_endpoints(request)), 0);
    ASSERT_TRUE(translator_.inward(reply));
    expect_sound(reply);
}

TEST_F(TranslatorTest, WhatIsNoProbeOrAnswersNoneIsLeftAlone) {
    const IpAddress own = probe_source(Family::ipv4).address;
    EXPECT_FALSE(sent(make({own, probe_address(6, Family::ipv4), 40'000, 80, IPPROTO_TCP}))) << "no such destination";
    EXPECT_FALSE(sent(make({own, address("10.0.0.9"), 40'000, 80, IPPROTO_TCP})));
    Packet packet = make({own, probe_address(7, Family::ipv4), 40'000, 80, IPPROTO_TCP});
    for (std::size_t length = 0; length < 40; ++length)
        EXPECT_FALSE(sent(Packet(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(length)))) << length;

    const Endpoints answer = reversed(*to(7, 40'000));
    for (const auto& change : std::initializer_list<void (*)(Endpoints&)>{
             [](Endpoints& other) { other.source = address("192.0.2.2"); },
             [](Endpoints& other) { other.destination = address("10.0.0.3"); },
             [](Endpoints& other) { other.source_port = 81; }, [](Endpoints& other) { ++other.destination_port; },
             [](Endpoints& other) { other.destination_port = 80; },
             [](Endpoints& other) { other.protocol = IPPROTO_UDP; }}) {
        Endpoints other = answer;
        change(other);
        EXPECT_FALSE(received(other));
    }
}

TEST_F(TranslatorTest, OnlyWhatThisHostSendsIsTranslated) {
    last_dest_ = 7;
    const IpAddress seventh = probe_address(7, Family::ipv4);
    EXPECT_TRUE(sent(make({own_source(Family::ipv4, 77), seventh, 40'000, 80, IPPROTO_TCP})));
    for (const char* other : {"10.0.0.1", "240.0.0.8", "203.0.113.66"})
        EXPECT_FALSE(sent(make({address(other), seventh, 40'000, 80, IPPROTO_TCP}))) << other;
}

TEST_F(TranslatorTest, EachQueueHasPortsOfItsOwn) {
    const auto own = to(7, 1), script = to(7, 1, ack, PROBE_QUEUE_SCRIPTS), other = to(7, 1, ack, PROBE_QUEUE_OTHERS);
    ASSERT_TRUE(own && script && other);
    EXPECT_GE(own->source_port, PROBE_PORTS_OWN);
    EXPECT_GE(script->source_port, PROBE_PORTS_SCRIPTS);
    EXPECT_LT(script->source_port, PROBE_PORTS_OWN);
    EXPECT_GE(other->source_port, PROBE_PORTS_OTHERS);
    EXPECT_LT(other->source_port, PROBE_PORTS_SCRIPTS);
    for (std::uint32_t port = 0; port < 65'536; ++port)
        ASSERT_TRUE(to(8, static_cast<std::uint16_t>(port), ack, PROBE_QUEUE_OTHERS));
    EXPECT_EQ(received(reversed(*other))->source, probe_address(8, Family::ipv4)) << "another probe has its port";
    EXPECT_TRUE(received(reversed(*own)));
    EXPECT_TRUE(received(reversed(*script)));
    EXPECT_EQ(translator_.traffic(7), (ProbeTraffic{.out = 1, .in = 1})) << "packets of other probes don't count";
}

TEST_F(TranslatorTest, WithoutAFreePortTheOneThatIsSilentTheLongestIsUsedAgain) {
    constexpr int all = 65'536 - PROBE_PORTS_OWN;
    const auto first = to(7, 1), second = to(7, 2);
    for (int port = 3; port <= all; ++port) ASSERT_TRUE(to(7, static_cast<std::uint16_t>(port)));
    EXPECT_TRUE(received(reversed(*first))) << "the connection is used again";
    EXPECT_EQ(to(8, 1)->source_port, second->source_port);
    EXPECT_TRUE(received(reversed(*first)));

    EXPECT_EQ(to(7, 1, rst)->source_port, first->source_port);
    EXPECT_FALSE(received(reversed(*first))) << "it has ended";
    EXPECT_FALSE(to(7, 1, rst)) << "there is no connection to end";
    EXPECT_EQ(to(8, 2)->source_port, first->source_port) << "the port is free";
}

}  // namespace
}  // namespace culvert::lbd
