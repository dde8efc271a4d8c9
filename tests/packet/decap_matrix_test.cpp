// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/packet/decapsulator.hpp"

namespace culvert::packet {
namespace {

using netlink::Family;

/// From the client to the VIP, as its sender wrote it.
Packet request(Family family, bool tcp, std::size_t size, std::uint8_t tos = 0) {
    const Packet l4 = tcp ? TCP() / payload(size) : UDP() / payload(size);
    if (family == Family::ipv4) return IPv4{.source = "203.0.113.9", .tos = tos, .ttl = 3, .id = 0x1234} / l4;
    return IPv6{.traffic_class = tos, .flow_label = 0x54321, .hop_limit = 3} / l4;
}

class DecapMatrix : public DecapTest, public testing::WithParamInterface<Tunnel> {};

INSTANTIATE_TEST_SUITE_P(All, DecapMatrix, testing::ValuesIn(all_tunnels()),
                         [](const auto& tunnel) { return tunnel.param.name; });

TEST_P(DecapMatrix, TheInnerPacketComesOutByteForByte) {
    for (const Family family : {Family::ipv4, Family::ipv6})
        for (const bool tcp : {true, false})
            for (const std::size_t size : {0, 1, 7, 512, 1380}) {
                const Packet inner = request(family, tcp, size);
                const Outcome outcome = decapsulator().receive(Ethernet() / in_tunnel(GetParam(), inner, family));
                EXPECT_EQ(outcome.fate, "pass");
                EXPECT_TRUE(same(Ethernet() / inner, outcome.frame));
            }
}

TEST_P(DecapMatrix, TagsOfVlansStay) {
    const auto tagged = [](const char* tags, std::uint16_t type, const Packet& ip) {
        return Ethernet{.type = type} / Payload{from_hex(tags)} / ip;
    };
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const Packet inner = request(family, true, 100);
        const Packet outer = in_tunnel(GetParam(), inner, family);
        const std::string before = GetParam().outer == Family::ipv4 ? "0800" : "86dd";
        const std::string after = family == Family::ipv4 ? "0800" : "86dd";
        const Outcome one = decapsulator().receive(tagged(("6064" + before).c_str(), 0x8100, outer));
        EXPECT_EQ(one.fate, "pass");
        EXPECT_TRUE(same(tagged(("6064" + after).c_str(), 0x8100, inner), one.frame));
        const Outcome two = decapsulator().receive(tagged(("0005 8100 0064" + before).c_str(), 0x88a8, outer));
        EXPECT_EQ(two.fate, "pass");
        EXPECT_TRUE(same(tagged(("0005 8100 0064" + after).c_str(), 0x88a8, inner), two.frame));
    }
}

// RFC 6040, figure 4.
TEST_P(DecapMatrix, CongestionOnTheWayIsPassedOn) {
    enum Ecn : unsigned { not_ect, ect1, ect0, ce, dropped };
    constexpr std::array<std::array<Ecn, 4>, 4> figure{{
        // outer: not_ect, ect1, ect0, ce
        {not_ect, not_ect, not_ect, dropped},  // inner not_ect
        {ect1, ect1, ect1, ce},                // inner ect1
        {ect0, ect1, ect0, ce},                // inner ect0
        {ce, ce, ce, ce},                      // inner ce
    }};
    constexpr unsigned dscp = 0xb8;
    for (const Family family : {Family::ipv4, Family::ipv6})
        for (unsigned inner = 0; inner < 4; ++inner)
            for (unsigned outer = 0; outer < 4; ++outer) {
                const Ecn expected = figure.at(inner).at(outer);
                const auto sent = request(family, true, 20, static_cast<std::uint8_t>(dscp | inner));
                const Outcome outcome = decapsulator().receive(
                    Ethernet() / in_tunnel(GetParam(), sent, family, static_cast<std::uint8_t>(0x28 | outer)));
                ASSERT_EQ(outcome.fate, expected == dropped ? "drop: ecn" : "pass") << inner << ' ' << outer;
                if (expected == dropped) continue;
                const auto received = request(family, true, 20, static_cast<std::uint8_t>(dscp | expected));
                EXPECT_TRUE(same(Ethernet() / received, outcome.frame)) << inner << ' ' << outer;
            }
}

TEST_P(DecapMatrix, PacketsAndBytesAreCountedByKind) {
    const decap_counters before = decapsulator().counters(GetParam().kind);
    decapsulator().receive(Ethernet() / in_tunnel(GetParam(), request(Family::ipv4, false, 72), Family::ipv4));
    const decap_counters after = decapsulator().counters(GetParam().kind);
    EXPECT_EQ(after.packets - before.packets, 1U);
    EXPECT_EQ(after.bytes - before.bytes, 100U);
}

TEST_P(DecapMatrix, WhatIsNotConfiguredPassesUntouched) {
    decap_config others = unwrap_all();
    switch (GetParam().kind) {
        case DECAP_IPIP:
            others.ipip[0] = others.ipip[1] = 0;
            break;
        case DECAP_GRE:
            others.gre[0] = others.gre[1] = 0;
            break;
        default:
            others.udp[0] = others.udp[1] = 0;
    }
    Decapsulator decapsulator(others);
    const Packet packet = Ethernet() / in_tunnel(GetParam(), request(Family::ipv4, true, 9), Family::ipv4);
    const Outcome outcome = decapsulator.receive(packet);
    EXPECT_EQ(outcome.fate, "pass");
    EXPECT_TRUE(same(packet, outcome.frame));
}

TEST_F(DecapTest, TheVerifierIsQuick) {
    const std::uint32_t walked = decapsulator().verified_instructions();
    RecordProperty("verified_instructions", static_cast<int>(walked));
    EXPECT_LT(walked, 5'000U);
}

}  // namespace
}  // namespace culvert::packet
