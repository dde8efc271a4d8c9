// SPDX-License-Identifier: Apache-2.0
#include "lbd/frame/frame.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "lbd/explain/question.hpp"
#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

Question ask(std::uint8_t protocol, bool is_v4, std::size_t length = 0) {
    return {.source = address(is_v4 ? "198.51.100.9" : "2001:db8:9::9"),
            .destination = address(is_v4 ? "192.0.2.1" : "2001:db8::1"),
            .protocol = protocol,
            .source_port = 40000,
            .destination_port = 80,
            .tcp_flags = 0x12,
            .length = length};
}

/// RFC 1071: bytes with a correct checksum sum to all ones.
std::uint32_t sum(std::span<const std::uint8_t> bytes, std::uint32_t start = 0) {
    for (std::size_t i = 0; i < bytes.size(); ++i) start += bytes[i] << (i % 2 == 0 ? 8 : 0);
    while (start > 0xffff) start = (start & 0xffff) + (start >> 16);
    return start;
}

TEST(Frame, WhatIsEncodedIsDecoded) {
    EXPECT_EQ(decode(encode(ask(IPPROTO_TCP, true)))->to_string(), "198.51.100.9:40000 > 192.0.2.1:80 tcp syn,ack");
    EXPECT_EQ(decode(encode(ask(IPPROTO_UDP, false)))->to_string(), "[2001:db8:9::9]:40000 > [2001:db8::1]:80 udp");
    EXPECT_EQ(decode(encode(ask(IPPROTO_SCTP, true)))->to_string(), "198.51.100.9:40000 > 192.0.2.1:80 sctp");
    EXPECT_EQ(decode(encode(ask(IPPROTO_ICMPV6, false)))->to_string(), "2001:db8:9::9 > 2001:db8::1 icmpv6");
}

TEST(Frame, LengthsAndChecksumsAreRight) {
    const Bytes tcp = encode(ask(IPPROTO_TCP, true, 101));
    EXPECT_EQ(tcp.size(), 14 + 101);
    EXPECT_EQ(sum(std::span(tcp).subspan(14, 20)), 0xffff);
    EXPECT_EQ(sum(std::span(tcp).subspan(34), sum(std::span(tcp).subspan(26, 8), IPPROTO_TCP + 81)), 0xffff);
    const Bytes udp = encode(ask(IPPROTO_UDP, false, 60));
    EXPECT_EQ(sum(std::span(udp).subspan(54), sum(std::span(udp).subspan(22, 32), IPPROTO_UDP + 20)), 0xffff);
    const Bytes echo = encode(ask(IPPROTO_ICMP, true));
    EXPECT_EQ(sum(std::span(echo).subspan(34)), 0xffff);
}

TEST(Frame, TagsFragmentsAndExtensionHeaders) {
    Bytes tagged = encode(ask(IPPROTO_UDP, true));
    const Bytes tags{0x88, 0xa8, 0, 7, 0x81, 0, 0x20, 10};
    tagged.insert(tagged.begin() + 12, tags.begin(), tags.end());
    EXPECT_EQ(decode(tagged)->to_string(), "198.51.100.9:40000 > 192.0.2.1:80 udp vlan 7 vlan 10");

    Bytes later = encode(ask(IPPROTO_UDP, true));
    later[14 + 7] = 100;  // offset
    EXPECT_EQ(decode(later)->to_string(), "198.51.100.9 > 192.0.2.1 udp fragment");

    Bytes extended = encode(ask(IPPROTO_UDP, false));
    extended[14 + 6] = IPPROTO_DSTOPTS;
    const Bytes options{IPPROTO_UDP, 0, 1, 4, 0, 0, 0, 0};
    extended.insert(extended.begin() + 54, options.begin(), options.end());
    EXPECT_EQ(decode(extended)->to_string(), "[2001:db8:9::9]:40000 > [2001:db8::1]:80 udp");
}

TEST(Frame, WhateverIsCutOffIsNotRead) {
    for (const bool is_v4 : {true, false}) {
        const Bytes frame = encode(ask(IPPROTO_TCP, is_v4));
        for (std::size_t size = 0; size < frame.size(); ++size) {
            const auto headers = decode(std::span(frame).first(size));
            EXPECT_EQ(headers.has_value(), size >= (is_v4 ? 34U : 54U)) << size;
        }
    }
}

TEST(Frame, TcpFlags) {
    EXPECT_EQ(parse_tcp_flags("syn"), 0x02);
    EXPECT_EQ(parse_tcp_flags("fin,ack"), 0x11);
    EXPECT_EQ(parse_tcp_flags("sny"), std::nullopt);
    EXPECT_EQ(parse_tcp_flags(""), std::nullopt);
    EXPECT_EQ(tcp_flag_names(0x11), "ack,fin");
}

ExplainOptions options(const std::string& source, const std::string& destination, const std::string& protocol) {
    return {.source = source, .destination = destination, .protocol = protocol};
}

TEST(ExplainQuestion, OfTheCommandLine) {
    const auto asked = question(options("[2001:db8:9::9]:40000", "[2001:db8::1]:80", "udp")).value();
    EXPECT_EQ(asked.destination, address("2001:db8::1"));
    EXPECT_EQ(asked.destination_port, 80);
    EXPECT_EQ(asked.protocol, IPPROTO_UDP);
    EXPECT_EQ(question(options("2001:db8:9::9", "2001:db8::1", "icmp"))->protocol, IPPROTO_ICMPV6);
}

TEST(ExplainQuestion, WhatIsWrongWithIt) {
    EXPECT_EQ(question(options("10.1:5", "192.0.2.1:80", "tcp")).error(),
              "--src \"10.1:5\": write an address and a port, such as 198.51.100.9:40000");
    EXPECT_EQ(question(options("10.0.0.1:5", "192.0.2.1:80000", "tcp")).error(),
              "--dst \"192.0.2.1:80000\": write an address and a port, such as 192.0.2.1:80");
    EXPECT_EQ(question(options("10.0.0.1:5", "192.0.2.1", "tcp")).error(),
              "--src and --dst need ports for tcp, such as 192.0.2.1:80");
    EXPECT_EQ(question(options("10.0.0.1:5", "[2001:db8::1]:80", "tcp")).error(),
              "--src and --dst are of different families");
    EXPECT_EQ(question(options("10.0.0.1:5", "192.0.2.1:80", "tpc")).error(),
              "--proto \"tpc\": write tcp, udp, sctp or icmp");
}

}  // namespace
}  // namespace culvert::lbd
