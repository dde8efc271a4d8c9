// SPDX-License-Identifier: Apache-2.0
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>

#include "lbd/frame/bytes.hpp"
#include "lbd/frame/frame.hpp"

namespace culvert::lbd {
namespace {

constexpr std::uint8_t hop_limit = 64;

/// The checksum (RFC 1071) of the bytes from `at` to `end`, added to `start`.
std::uint16_t checksum(const Bytes& bytes, std::size_t at, std::size_t end, std::uint64_t start = 0) {
    for (std::size_t i = at; i < end; ++i) start += std::uint64_t{bytes[i]} << ((i - at) % 2 == 0 ? 8 : 0);
    while (start > 0xffff) start = (start & 0xffff) + (start >> 16);
    return static_cast<std::uint16_t>(~start);
}

/// The sum of the pseudo-header (RFC 768, RFC 8200 section 8.1).
std::uint64_t pseudo_header(const Question& question, std::size_t l4_length) {
    std::uint64_t sum = question.protocol + l4_length;
    for (const IpAddress* address : {&question.source, &question.destination}) {
        const auto bytes = address->bytes();
        for (std::size_t i = 0; i < bytes.size(); i += 2) sum += bytes[i] << 8 | bytes[i + 1];
    }
    return sum;
}

std::size_t l4_header(std::uint8_t protocol) {
    switch (protocol) {
        case IPPROTO_TCP:
            return 20;
        case IPPROTO_SCTP:
            return 16;  // includes the header of a chunk
        default:
            return 8;
    }
}

void put_l4(Bytes& frame, std::size_t l4, const Question& question) {
    constexpr std::uint8_t echo_request = 8, echo_request6 = 128;  // RFC 792; RFC 4443, section 4.1
    const std::size_t length = frame.size() - l4;
    const bool is_echo = question.protocol == IPPROTO_ICMP || question.protocol == IPPROTO_ICMPV6;
    if (is_echo) {
        frame[l4] = question.protocol == IPPROTO_ICMP ? echo_request : echo_request6;
    } else {
        put16(frame, l4, question.source_port);
        put16(frame, l4 + 2, question.destination_port);
    }
    if (question.protocol == IPPROTO_TCP) {
        frame[l4 + 12] = 5 << 4;  // header length in words
        frame[l4 + 13] = question.tcp_flags;
        put16(frame, l4 + 16, checksum(frame, l4, frame.size(), pseudo_header(question, length)));
    } else if (question.protocol == IPPROTO_UDP) {
        put16(frame, l4 + 4, length);
        const std::uint16_t sum = checksum(frame, l4, frame.size(), pseudo_header(question, length));
        put16(frame, l4 + 6, sum == 0 ? 0xffff : sum);
    } else if (is_echo) {
        const bool is_v4 = question.protocol == IPPROTO_ICMP;
        put16(frame, l4 + 2, checksum(frame, l4, frame.size(), is_v4 ? 0 : pseudo_header(question, length)));
    }
}

}  // namespace

Bytes encode(const Question& question) {
    const bool is_v4 = question.destination.is_v4();
    const std::size_t ip = ETH_HLEN, l4 = ip + (is_v4 ? 20 : 40);
    Bytes frame(std::max(l4 + l4_header(question.protocol), ip + question.length));
    const auto source = question.source.bytes(), destination = question.destination.bytes();
    put16(frame, ip - 2, is_v4 ? ETH_P_IP : ETH_P_IPV6);
    if (is_v4) {
        frame[ip] = 0x45;
        put16(frame, ip + 2, frame.size() - ip);
        put16(frame, ip + 6, 0x4000);  // "don't fragment"
        frame[ip + 8] = hop_limit;
        frame[ip + 9] = question.protocol;
        std::ranges::copy(source, frame.begin() + ip + 12);
        std::ranges::copy(destination, frame.begin() + ip + 16);
        put16(frame, ip + 10, checksum(frame, ip, l4));
    } else {
        frame[ip] = 6 << 4;
        put16(frame, ip + 4, frame.size() - l4);
        frame[ip + 6] = question.protocol;
        frame[ip + 7] = hop_limit;
        std::ranges::copy(source, frame.begin() + ip + 8);
        std::ranges::copy(destination, frame.begin() + ip + 24);
    }
    put_l4(frame, l4, question);
    return frame;
}

}  // namespace culvert::lbd
