// SPDX-License-Identifier: Apache-2.0
#include "bench/packet/workload.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

namespace culvert::bench {

namespace {

using netlink::Family;
using netlink::IpAddress;

constexpr std::uint8_t tcp_syn = 0x02;
constexpr std::uint8_t tcp_ack = 0x10;
constexpr std::size_t ip_at = ETH_HLEN;
constexpr std::uint32_t least_entries = 1U << 16;
constexpr std::uint32_t entries_of_others = 1U << 20;

void put16(std::span<std::uint8_t> bytes, std::size_t at, std::size_t value) {
    bytes[at] = static_cast<std::uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<std::uint8_t>(value);
}

void put(std::span<std::uint8_t> bytes, std::size_t at, const IpAddress& address) {
    std::ranges::copy(address.bytes(), bytes.subspan(at).begin());
}

IpAddress client(Family family) { return *IpAddress::parse(family == Family::ipv4 ? "11.0.0.0" : "2001:db8:c::"); }

/// The sum as the feeder computes it: over words in memory order.
std::uint32_t word_sum(std::span<const std::uint8_t> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
        std::uint16_t word = 0;
        std::memcpy(&word, &bytes[i], sizeof word);
        sum += word;
    }
    return (sum & 0xffff) + (sum >> 16);
}

}  // namespace

IpAddress vip(Family family, std::uint32_t index) {
    auto address = *IpAddress::parse(family == Family::ipv4 ? "10.64.0.0" : "2001:db8::");
    std::vector<std::uint8_t> bytes(address.bytes().begin(), address.bytes().end());
    for (std::size_t i = 1; i <= 3; ++i) bytes[bytes.size() - i] |= static_cast<std::uint8_t>(index >> 8 * (i - 1));
    return *IpAddress::from_bytes(bytes);
}

std::vector<std::uint8_t> frame(const Workload& workload) {
    const bool ipv6 = workload.inner == Family::ipv6;
    const bool tcp = workload.protocol == lbd::Protocol::tcp;
    std::vector<std::uint8_t> bytes(workload.frame);
    const std::span all(bytes);
    bytes[0] = bytes[6] = 0x02;
    put16(all, 12, ipv6 ? ETH_P_IPV6 : ETH_P_IP);
    const std::size_t l4 = ip_at + (ipv6 ? 40 : 20);
    const IpAddress to = workload.traffic == Traffic::other ? *IpAddress::parse(ipv6 ? "2001:db9::" : "10.128.0.0")
                                                            : vip(workload.inner, 0);
    if (ipv6) {
        bytes[ip_at] = 0x60;
        put16(all, ip_at + 4, bytes.size() - l4);
        bytes[ip_at + 6] = static_cast<std::uint8_t>(workload.protocol);
        bytes[ip_at + 7] = 64;
        put(all, ip_at + 8, client(workload.inner));
        put(all, ip_at + 24, to);
    } else {
        bytes[ip_at] = 0x45;
        put16(all, ip_at + 2, bytes.size() - ip_at);
        bytes[ip_at + 8] = 64;
        bytes[ip_at + 9] = static_cast<std::uint8_t>(workload.protocol);
        put(all, ip_at + 12, client(workload.inner));
        put(all, ip_at + 16, to);
    }
    put16(all, l4, 40000);
    put16(all, l4 + 2, service_port);
    if (tcp) {
        bytes[l4 + 12] = 0x50;
        bytes[l4 + 13] = workload.traffic == Traffic::syn ? tcp_syn : tcp_ack;
    } else {
        put16(all, l4 + 4, bytes.size() - l4);
        put16(all, l4 + 6, 0x1234);  // not checked, but zero would mean no checksum
    }
    return bytes;
}

feed_config feed(const Workload& workload) {
    const std::vector<std::uint8_t> bytes = frame(workload);
    feed_config config{};
    std::memcpy(config.head, bytes.data(), sizeof config.head);
    config.frame_len = workload.frame;
    config.is_ipv6 = workload.inner == Family::ipv6;
    config.flow_mask = workload.flows - 1;
    config.service_mask = workload.services - 1;
    if (!config.is_ipv6) config.ip_sum = word_sum(std::span(bytes).subspan(ip_at, 12));
    return config;
}

std::uint32_t table_entries(const Workload& workload) {
    if (workload.entries != 0) return workload.entries;
    return workload.traffic == Traffic::known ? std::max(least_entries, 2 * workload.flows) : entries_of_others;
}

}  // namespace culvert::bench
