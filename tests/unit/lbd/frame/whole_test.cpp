// SPDX-License-Identifier: Apache-2.0
#include "lbd/frame/whole.hpp"

#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <array>
#include <span>

namespace culvert::lbd {
namespace {

constexpr std::size_t longest = 3400;

Bytes packet(std::uint8_t protocol, bool is_v4, std::size_t length = 1400) {
    const auto address = [](const char* text) { return *IpAddress::parse(text); };
    return encode({.source = address(is_v4 ? "198.51.100.9" : "2001:db8:9::9"),
                   .destination = address(is_v4 ? "192.0.2.1" : "2001:db8::1"),
                   .protocol = protocol,
                   .source_port = 40000,
                   .destination_port = 80,
                   .length = length});
}

Bytes tagged(Bytes frame) {
    const Bytes tag{0x81, 0, 0, 5};
    frame.insert(frame.begin() + 12, tag.begin(), tag.end());
    return frame;
}

std::size_t u16(const Bytes& frame, std::size_t at) { return static_cast<std::size_t>(frame[at] << 8 | frame[at + 1]); }

TEST(WholeFrame, ThatIsAllThereStaysAsItIs) {
    for (const Bytes& frame :
         {packet(IPPROTO_TCP, true), tagged(packet(IPPROTO_UDP, false)), Bytes(14), Bytes(3), Bytes()})
        EXPECT_EQ(as_whole(frame, frame.size(), longest), (Whole{frame, 0}));
}

TEST(WholeFrame, IsMadeUpFromItsHeaders) {
    struct Case {
        std::uint8_t protocol;
        std::size_t needed;  // behind the IP header
    };
    for (const bool is_v4 : {true, false})
        for (const auto& [protocol, needed] :
             {Case{IPPROTO_TCP, 20}, Case{IPPROTO_UDP, 8}, Case{IPPROTO_SCTP, 16},
              Case{is_v4 ? std::uint8_t{IPPROTO_ICMP} : std::uint8_t{IPPROTO_ICMPV6}, 8}}) {
            const Bytes frame = tagged(packet(protocol, is_v4));
            const std::size_t headers = 18 + (is_v4 ? 20 : 40) + needed;
            for (std::size_t size = 0; size < headers; ++size)
                EXPECT_FALSE(as_whole(std::span(frame).first(size), frame.size(), longest)) << size;
            Bytes zeros = frame;
            std::fill(zeros.begin() + static_cast<std::ptrdiff_t>(headers), zeros.end(), 0);
            EXPECT_EQ(as_whole(std::span(frame).first(headers), frame.size(), longest), (Whole{zeros, 0}));
        }
    Bytes arp(60, 1);
    arp[12] = 8;
    arp[13] = 6;
    EXPECT_EQ(as_whole(std::span(arp).first(14), 60, longest)->frame.size(), 60U) << "nobody looks further";
}

TEST(WholeFrame, OfFragmentsAndIcmpErrorsAsMuchIsNeededAsTheBalancerLooksAt) {
    Bytes later = packet(IPPROTO_UDP, true);
    later[14 + 7] = 9;
    EXPECT_TRUE(as_whole(std::span(later).first(34), later.size(), longest));
    Bytes error = packet(IPPROTO_ICMP, true, 200);
    error[34] = 3;
    const Bytes quoted = packet(IPPROTO_TCP, true, 100);
    std::copy(quoted.begin() + 14, quoted.begin() + 114, error.begin() + 42);
    EXPECT_FALSE(as_whole(std::span(error).first(42 + 19), error.size(), longest));
    EXPECT_FALSE(as_whole(std::span(error).first(42 + 23), error.size(), longest));
    EXPECT_TRUE(as_whole(std::span(error).first(42 + 24), error.size(), longest));
}

TEST(WholeFrame, ThatIsTooLongIsShortenedWithItsLengths) {
    for (const bool is_v4 : {true, false})
        for (const std::uint8_t protocol : std::to_array<std::uint8_t>({IPPROTO_TCP, IPPROTO_UDP})) {
            const Bytes frame = packet(protocol, is_v4, 9000);
            const Bytes front(frame.begin(), frame.begin() + longest);
            const auto whole = as_whole(front, frame.size(), longest);
            ASSERT_TRUE(whole);
            EXPECT_EQ(whole->missing, frame.size() - longest);
            Bytes same = packet(protocol, is_v4, longest - 14);
            if (protocol == IPPROTO_UDP)
                std::copy_n(whole->frame.begin() + (is_v4 ? 40 : 60), 2, same.begin() + (is_v4 ? 40 : 60));
            if (protocol == IPPROTO_TCP)
                std::copy_n(whole->frame.begin() + (is_v4 ? 50 : 70), 2, same.begin() + (is_v4 ? 50 : 70));
            EXPECT_EQ(whole->frame, same) << "except for the inner checksum";
            EXPECT_EQ(as_whole(frame, frame.size(), longest), whole);
        }
}

TEST(WholeFrame, WhatMadeNoSenseBeforeMakesNoneAfterwards) {
    Bytes truncated = packet(IPPROTO_UDP, true, 9000);
    truncated.resize(8000);
    auto whole = as_whole(truncated, 8000, longest);
    EXPECT_EQ(whole->missing, 0U);
    EXPECT_EQ(u16(whole->frame, 16), 9000U);
    Bytes long_udp = packet(IPPROTO_UDP, true, 9000);
    long_udp[38] = 0xff;
    EXPECT_EQ(u16(as_whole(long_udp, long_udp.size(), longest)->frame, 38), u16(long_udp, 38));
    Bytes padded = packet(IPPROTO_UDP, true, 100);
    padded.resize(5000);
    whole = as_whole(padded, 5000, longest);
    EXPECT_EQ(whole->missing, 0U);
    EXPECT_EQ(u16(whole->frame, 16), 100U);
}

}  // namespace
}  // namespace culvert::lbd
