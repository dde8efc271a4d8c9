// SPDX-License-Identifier: Apache-2.0
#include "lbd/path_mtu/quotation.hpp"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <algorithm>
#include <cstddef>

#include "lbd/path_mtu/wire.hpp"

namespace culvert::lbd {
namespace {

using netlink::IpAddress;
using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t icmp_header = 8;
/// RFC 792: "internet header + 64 bits of original data datagram".
constexpr std::size_t least_payload = 8;
/// Enough for lbd's outer headers and the client's headers.
constexpr std::size_t most_payload = 200;

/// A message with a correct checksum sums up to all ones (RFC 1071).
bool adds_up(Bytes message) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < message.size(); ++i) sum += std::uint32_t{message[i]} << (i % 2 == 0 ? 8 : 0);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

void keep_payload(Bytes payload, Quotation& quotation) {
    const Bytes kept = payload.first(std::min(payload.size(), most_payload));
    quotation.payload.assign(kept.begin(), kept.end());
}

}  // namespace

std::optional<Quotation> read_quotation4(Bytes packet) {
    if (packet.size() < ip4_header || packet[0] >> 4 != 4) return std::nullopt;
    const std::size_t header = std::size_t{packet[0] & 0xfU} * 4;
    const std::size_t length = u16_at(packet, 2);
    if (header < ip4_header || packet[9] != IPPROTO_ICMP) return std::nullopt;
    if (length < header + icmp_header || length > packet.size()) return std::nullopt;
    const Bytes icmp = packet.first(length).subspan(header);
    if (icmp[0] != ICMP_DEST_UNREACH || icmp[1] != ICMP_FRAG_NEEDED || !adds_up(icmp)) return std::nullopt;

    Bytes quoted = icmp.subspan(icmp_header);
    // RFC 4884, section 4.1: length of the quotation in words; extensions follow it.
    if (const std::size_t words = icmp[5]; words != 0) quoted = quoted.first(std::min(quoted.size(), words * 4));
    constexpr std::uint8_t without_options = 0x45;
    if (quoted.size() < ip4_header + least_payload || quoted[0] != without_options) return std::nullopt;
    constexpr unsigned dont_fragment = 0x4000;
    Quotation result{.router = address4_at(packet, 12),
                     .mtu = u16_at(icmp, 6),
                     .source = address4_at(quoted, 12),
                     .destination = address4_at(quoted, 16),
                     .protocol = quoted[9],
                     .length = u16_at(quoted, 2),
                     .identification = u16_at(quoted, 4),
                     .may_be_fragmented = (u16_at(quoted, 6) & 0x7fffU) != dont_fragment,
                     .payload = {}};
    keep_payload(quoted.subspan(ip4_header), result);
    return result;
}

std::optional<Quotation> read_quotation6(Bytes message, const IpAddress& router) {
    if (message.size() < icmp_header + ip6_header || message[0] != ICMP6_PACKET_TOO_BIG) return std::nullopt;
    const Bytes quoted = message.subspan(icmp_header);
    if (quoted[0] >> 4 != 6) return std::nullopt;
    Quotation result{.router = router,
                     .mtu = u32_at(message, 4),
                     .source = address6_at(quoted, 8),
                     .destination = address6_at(quoted, 24),
                     .protocol = quoted[6],
                     .length = u16_at(quoted, 4) + static_cast<std::uint32_t>(ip6_header),
                     .flow_label = u32_at(quoted, 0) & 0xfffff,
                     .payload = {}};
    keep_payload(quoted.subspan(ip6_header), result);
    return result;
}

}  // namespace culvert::lbd
