// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/packet.hpp"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>

#include <algorithm>
#include <array>

namespace culvert::lbd {
namespace {

using netlink::IpAddress;
using Writable = std::span<std::uint8_t>;
using ConstBytes = std::span<const std::uint8_t>;

constexpr std::size_t least_l4 = 8;  // bytes of a UDP or echo header
constexpr std::uint8_t tcp_rst = 0x04;

std::uint16_t u16(ConstBytes bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

/// Offsets of fields from the beginning of a packet, in bytes.
struct Layout {
    std::size_t source;
    std::size_t destination;
    std::size_t address;  ///< length of each address
    std::size_t l4;
    std::uint8_t protocol;
    bool v4;

    [[nodiscard]] bool is_echo() const { return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6; }
    [[nodiscard]] std::size_t checksum() const {
        if (protocol == IPPROTO_TCP) return l4 + 16;
        return protocol == IPPROTO_UDP ? l4 + 6 : l4 + 2;
    }
};

std::optional<Layout> layout_of(ConstBytes packet) {
    if (packet.empty()) return std::nullopt;
    if (packet[0] >> 4 == 4) {
        const std::size_t header = std::size_t{packet[0] & 0xfU} * 4;
        if (packet.size() < sizeof(iphdr) || header < sizeof(iphdr)) return std::nullopt;
        if ((u16(packet, 6) & (IP_MF | IP_OFFMASK)) != 0) return std::nullopt;
        return Layout{12, 16, 4, header, packet[9], true};
    }
    if (packet[0] >> 4 == 6 && packet.size() >= sizeof(ip6_hdr)) return Layout{8, 24, 16, 40, packet[6], false};
    return std::nullopt;
}

bool is_known(const Layout& layout, ConstBytes packet) {
    if (packet.size() < layout.l4 + (layout.protocol == IPPROTO_TCP ? 20 : least_l4)) return false;
    const std::uint8_t type = packet[layout.l4];
    switch (layout.protocol) {
        case IPPROTO_TCP:
        case IPPROTO_UDP:
            return true;
        case IPPROTO_ICMP:
            return layout.v4 && (type == ICMP_ECHO || type == ICMP_ECHOREPLY);
        case IPPROTO_ICMPV6:
            return !layout.v4 && (type == ICMP6_ECHO_REQUEST || type == ICMP6_ECHO_REPLY);
        default:
            return false;
    }
}

bool is_reply(const Layout& layout, ConstBytes packet) {
    return packet[layout.l4] == (layout.v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY);
}

/// Updates a checksum after changes to the bytes that it covers.
class Correction {
  public:
    /// Both have the same even length, and are at an even offset of the covered bytes.
    void replace(Writable place, ConstBytes by) {
        for (std::size_t i = 0; i < place.size(); i += 2) sum_ += (~u16(place, i) & 0xffffU) + u16(by, i);
        std::ranges::copy(by, place.begin());
    }
    void apply(Writable checksum) const {
        std::uint32_t sum = (~u16(checksum, 0) & 0xffffU) + sum_;
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
        put(checksum, static_cast<std::uint16_t>(~sum));
    }
    static void put(Writable place, std::uint16_t value) {
        place[0] = static_cast<std::uint8_t>(value >> 8);
        place[1] = static_cast<std::uint8_t>(value);
    }

  private:
    std::uint32_t sum_ = 0;
};

void replace_port(Writable packet, std::size_t at, std::uint16_t port, Correction& correction) {
    std::array<std::uint8_t, 2> bytes{};
    Correction::put(bytes, port);
    correction.replace(packet.subspan(at, 2), bytes);
}

}  // namespace

std::optional<Endpoints> read_endpoints(ConstBytes packet) {
    const auto layout = layout_of(packet);
    if (!layout || !is_known(*layout, packet)) return std::nullopt;
    Endpoints endpoints{.source = *IpAddress::from_bytes(packet.subspan(layout->source, layout->address)),
                        .destination = *IpAddress::from_bytes(packet.subspan(layout->destination, layout->address)),
                        .protocol = layout->protocol};
    if (layout->is_echo()) {
        const std::uint16_t identifier = u16(packet, layout->l4 + 4);
        (is_reply(*layout, packet) ? endpoints.destination_port : endpoints.source_port) = identifier;
        return endpoints;
    }
    endpoints.source_port = u16(packet, layout->l4);
    endpoints.destination_port = u16(packet, layout->l4 + 2);
    endpoints.resets = layout->protocol == IPPROTO_TCP && (packet[layout->l4 + 13] & tcp_rst) != 0;
    return endpoints;
}

void replace_endpoints(Writable packet, const Endpoints& endpoints) {
    const Layout layout = *layout_of(packet);
    Correction addresses;
    addresses.replace(packet.subspan(layout.source, layout.address), endpoints.source.bytes());
    addresses.replace(packet.subspan(layout.destination, layout.address), endpoints.destination.bytes());
    if (layout.v4) addresses.apply(packet.subspan(10, 2));

    // The checksum of ICMP does not cover the addresses.
    Correction l4 = layout.protocol == IPPROTO_ICMP ? Correction{} : addresses;
    if (layout.is_echo()) {
        const bool reply = is_reply(layout, packet);
        replace_port(packet, layout.l4 + 4, reply ? endpoints.destination_port : endpoints.source_port, l4);
    } else {
        replace_port(packet, layout.l4, endpoints.source_port, l4);
        replace_port(packet, layout.l4 + 2, endpoints.destination_port, l4);
    }
    const Writable checksum = packet.subspan(layout.checksum(), 2);
    const bool has_checksum = layout.protocol != IPPROTO_UDP || u16(checksum, 0) != 0;
    if (!has_checksum) return;
    l4.apply(checksum);
    // Zero becomes all ones: in UDP it means "no checksum" (RFC 768), and all ones is right for an echo of zeros.
    const bool may_be_zero = layout.protocol != IPPROTO_UDP && layout.protocol != IPPROTO_ICMP;
    if (!may_be_zero && u16(checksum, 0) == 0) Correction::put(checksum, 0xffff);
}

}  // namespace culvert::lbd
