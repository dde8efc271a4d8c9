// SPDX-License-Identifier: Apache-2.0
#include "lbd/frame/whole.hpp"

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>

#include "lbd/frame/bytes.hpp"

namespace culvert::lbd {
namespace {

constexpr std::size_t tag = 4;
/// Bytes needed behind the IP headers, up to ports, flags and lengths.
constexpr std::size_t of_tcp = 20, of_sctp = 16, of_others = 8, of_quoted = 4;

/// Offsets of the headers, if the bytes reach that far.
struct Layers {
    bool is_ip = false, is_v4 = false;
    std::size_t ip = 0;  ///< offset of the IP header
    std::size_t l4 = 0;  ///< offset behind it and its extension headers; 0: nobody looks there
    std::uint8_t protocol = 0;
    bool is_fragment = false;
};

/// Reads the IP header at `ip`. Nothing if the bytes end within its extension headers.
std::optional<Layers> layers_of_ip(View bytes, std::size_t ip, bool is_v4) {
    Layers layers{.is_ip = true, .is_v4 = is_v4, .ip = ip};
    if (bytes.size() < ip + (is_v4 ? 20 : 40)) return std::nullopt;
    if (is_v4) {
        layers.protocol = bytes[ip + 9];
        const std::uint16_t fragment = u16(bytes, ip + 6) & 0x3fff;
        layers.is_fragment = fragment != 0;
        if ((fragment & 0x1fff) == 0) layers.l4 = ip + std::size_t{4} * (bytes[ip] & 0xf);
        return layers;
    }
    layers.protocol = bytes[ip + 6];
    constexpr std::size_t most_headers = 8;
    std::size_t at = ip + 40;
    for (std::size_t i = 0; i < most_headers; ++i) {
        const bool is_fragment = layers.protocol == IPPROTO_FRAGMENT;
        if (!is_fragment && layers.protocol != IPPROTO_HOPOPTS && layers.protocol != IPPROTO_ROUTING &&
            layers.protocol != IPPROTO_DSTOPTS)
            break;
        if (bytes.size() < at + 8) return std::nullopt;
        layers.protocol = bytes[at];
        layers.is_fragment |= is_fragment;
        if (is_fragment && (u16(bytes, at + 2) & 0xfff8) != 0) return layers;
        at += is_fragment ? 8 : std::size_t{8} * (bytes[at + 1] + 1U);
    }
    layers.l4 = at;
    return layers;
}

std::optional<Layers> layers_of(View bytes) {
    std::size_t at = ETH_HLEN;
    for (;; at += tag) {
        if (bytes.size() < at) return std::nullopt;
        const std::uint16_t type = u16(bytes, at - 2);
        if (type == ETH_P_8021Q || type == ETH_P_8021AD) continue;
        if (type != ETH_P_IP && type != ETH_P_IPV6) return Layers{};
        return layers_of_ip(bytes, at, type == ETH_P_IP);
    }
}

bool is_icmp_error(const Layers& layers, std::uint8_t type) {
    if (layers.is_v4 && layers.protocol == IPPROTO_ICMP)
        return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
    return !layers.is_v4 && layers.protocol == IPPROTO_ICMPV6 && type >= ICMPV6_DEST_UNREACH &&
           type <= ICMPV6_PARAMPROB;
}

/// Number of bytes that the balancer looks at. Nothing if the bytes are too short to tell.
std::optional<std::size_t> needed(View bytes, const Layers& layers) {
    if (!layers.is_ip) return ETH_HLEN;
    if (layers.l4 == 0) return layers.ip;
    std::size_t end = layers.l4 + of_others;
    if (layers.protocol == IPPROTO_TCP) end = layers.l4 + of_tcp;
    if (layers.protocol == IPPROTO_SCTP) end = layers.l4 + of_sctp;
    if (bytes.size() < end) return std::nullopt;
    if (!is_icmp_error(layers, bytes[layers.l4])) return end;
    const auto quoted = layers_of_ip(bytes, end, layers.is_v4);
    if (!quoted) return std::nullopt;
    return quoted->l4 == 0 ? end : quoted->l4 + of_quoted;
}

/// RFC 1624, equation 3. A wrong checksum stays wrong.
void update_checksum(Bytes& frame, std::size_t at, std::uint16_t before, std::uint16_t after) {
    std::uint32_t sum =
        static_cast<std::uint16_t>(~u16(frame, at)) + static_cast<std::uint16_t>(~before) + std::uint32_t{after};
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    put16(frame, at, static_cast<std::uint16_t>(~sum));
}

/// Makes the IP packet end with the frame, and returns the number of bytes cut off. 0 if the packet ended there before,
/// or beyond `length`.
std::size_t shorten(Bytes& frame, const Layers& layers, std::size_t length) {
    if (!layers.is_ip) return 0;
    const std::size_t longest = frame.size();
    const std::size_t field = layers.ip + (layers.is_v4 ? 2 : 4);
    const std::size_t before = u16(frame, field), end = layers.ip + (layers.is_v4 ? 0 : 40) + before;
    if (before == 0 || end > length || end <= longest) return 0;
    const std::size_t missing = end - longest;
    const auto after = static_cast<std::uint16_t>(before - missing);
    put16(frame, field, after);
    if (layers.is_v4) update_checksum(frame, layers.ip + 10, static_cast<std::uint16_t>(before), after);
    if (layers.protocol != IPPROTO_UDP || layers.l4 == 0 || layers.is_fragment) return missing;
    const std::size_t udp = u16(frame, layers.l4 + 4);
    if (layers.l4 + udp <= end && layers.l4 + udp > longest) put16(frame, layers.l4 + 4, longest - layers.l4);
    return missing;
}

}  // namespace

std::optional<Whole> as_whole(View front, std::size_t length, std::size_t longest) {
    front = front.first(std::min(front.size(), length));
    Whole whole{.frame = {front.begin(), front.end()}};
    const auto layers = layers_of(front);
    if (front.size() < length) {
        const auto end = layers ? needed(front, *layers) : std::nullopt;
        if (!end || front.size() < *end) return std::nullopt;
    }
    whole.frame.resize(std::min(length, longest));
    if (length > longest && layers) whole.missing = shorten(whole.frame, *layers, length);
    return whole;
}

}  // namespace culvert::lbd
