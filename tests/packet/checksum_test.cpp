// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>

#include "tests/packet/balancer.hpp"
#include "tests/packet/paths.hpp"

namespace culvert::packet {
namespace {

/// Padding is cut off if every byte of the packet is summed, else it is forwarded.
void expect_forwarded(Balancer& balancer, const Path& path, const Sent& sent, std::size_t padding,
                      std::size_t padding_left) {
    const Outcome outcome = balancer.receive(sent_frame(path, sent) / Padding{padding});
    ASSERT_EQ(outcome.fate, "tx");
    const Packet expected = forwarded_frame(path, sent, entropy_of(path, outcome.frame));
    ASSERT_TRUE(same(expected / Padding{padding_left}, outcome.frame));
}

std::vector<Path> udp_paths() {
    std::vector<Path> paths = all_paths();
    std::erase_if(paths, [](const Path& path) { return path.protocol != Protocol::udp; });
    return paths;
}

class UdpPath : public BalancerTest, public testing::WithParamInterface<Path> {
  protected:
    static bool sums_all_bytes() { return has_outer_checksum(GetParam()) && GetParam().outer == Family::ipv6; }
};

INSTANTIATE_TEST_SUITE_P(Matrix, UdpPath, testing::ValuesIn(udp_paths()),
                         [](const auto& path) { return name(path.param); });

TEST_P(UdpPath, CarriesPacketsWithoutAChecksum) {
    Balancer& balancer = shared();
    install(balancer, GetParam());
    for (std::size_t size = 0; size <= 1400; size += size < 40 ? 1 : 13)
        for (const std::size_t padding : {0, 1, 18}) {
            SCOPED_TRACE("payload of " + std::to_string(size) + ", padding of " + std::to_string(padding));
            ASSERT_NO_FATAL_FAILURE(expect_forwarded(balancer, GetParam(), {.udp_checksum = 0, .data = payload(size)},
                                                     padding, sums_all_bytes() ? 0 : padding));
        }
}

// UDP has a length of its own (RFC 768): its checksum doesn't cover bytes behind the UDP datagram in the IP packet.
TEST_P(UdpPath, CarriesDatagramsShorterThanTheirPacket) {
    Balancer& balancer = shared();
    install(balancer, GetParam());
    for (std::uint16_t length = 8; length < 8 + 60; ++length) {
        SCOPED_TRACE("UDP length " + std::to_string(length));
        ASSERT_NO_FATAL_FAILURE(
            expect_forwarded(balancer, GetParam(), {.udp_length = length, .data = payload(60)}, 0, 0));
    }
}

class Checksum : public BalancerTest {};

/// Two bytes that make the checksum of UDP to this address `wanted`.
Payload payload_for_checksum(const std::string& address, std::uint16_t wanted) {
    const Bytes frame = (Ethernet() / IPv4{.destination = address} / UDP() / Payload{{0, 0}}).bytes();
    const std::uint32_t base = static_cast<std::uint32_t>(frame[40] << 8 | frame[41]);
    const std::uint32_t word = (base + 0xffff - wanted) % 0xffff;
    return {{static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word & 0xff)}};
}

TEST_F(Checksum, OfUdpThatComesOutAsZeroAfterARewriteIsSentAsAllOnes) {
    const Path path{lbd::L3dsr{10}, Family::ipv4, Family::ipv4, Protocol::udp};
    Balancer& balancer = shared();
    install(balancer, path);
    for (const std::uint16_t wanted : std::to_array<std::uint16_t>({0, 1, 2, 0xfffd, 0xfffe})) {
        const Sent sent{.data = payload_for_checksum("10.0.2.30", wanted)};
        ASSERT_NO_FATAL_FAILURE(expect_forwarded(balancer, path, sent, 0, 0));
        const Bytes frame = balancer.receive(sent_frame(path, sent)).frame;
        EXPECT_EQ(frame[40] << 8 | frame[41], wanted ? wanted : 0xffff);
    }
}

// Raising the own address by the checksum raises the sum by it, so the sum's complement becomes zero.
TEST_F(Checksum, OfTheOuterUdpThatComesOutAsZeroIsSentAsAllOnes) {
    const Path path{lbd::Gue{5080}, Family::ipv4, Family::ipv6, Protocol::tcp};
    Balancer& balancer = shared();
    install(balancer, path);
    const auto checksum_from = [&](unsigned last_word) {
        const std::string own = fmt::format("fd00::{:x}", last_word);
        balancer.set_dest(1, body(path, 9000, own));
        const Bytes frame = balancer.receive(sent_frame(path, {})).frame;
        EXPECT_TRUE(same(forwarded_frame(path, {}, entropy_of(path, frame), own), frame));
        return static_cast<unsigned>(frame.at(60) << 8 | frame.at(61));
    };
    const unsigned checksum = checksum_from(1);
    ASSERT_LT(1 + checksum, 0x10000U);
    EXPECT_EQ(checksum_from(1 + checksum), 0xffffU);
    EXPECT_EQ(checksum_from(checksum), 1U);
}

// The header checksum is updated for the TTL, not computed again. Walk it through both zeros of ones' complement.
TEST_F(Checksum, OfIPv4IsRightForEveryValueThatItHadBefore) {
    const Path path{lbd::L2{}, Family::ipv4, Family::ipv4, Protocol::tcp};
    Balancer& balancer = shared();
    install(balancer, path);
    const auto packet = [](std::uint8_t ttl, std::uint16_t id) { return IPv4{.ttl = ttl, .id = id} / TCP(); };
    const Bytes first = packet(64, 0).bytes();
    for (int distance = -0x180; distance <= 0x180; ++distance) {
        const auto id = static_cast<std::uint16_t>((first[10] << 8 | first[11]) + distance);
        const Outcome outcome = balancer.receive(Ethernet() / packet(64, id));
        ASSERT_EQ(outcome.fate, "tx");
        ASSERT_TRUE(same(Ethernet{.source = "02:00:00:00:00:02", .destination = "02:00:00:00:00:03"} / packet(63, id),
                         outcome.frame));
    }
}

}  // namespace
}  // namespace culvert::packet
