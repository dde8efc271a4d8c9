// SPDX-License-Identifier: Apache-2.0
#include "lbd/frame/link_type.hpp"

#include <fmt/format.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <algorithm>
#include <array>
#include <utility>

#include "lbd/frame/bytes.hpp"

namespace culvert::lbd {
namespace {

enum LinkType : std::uint32_t {
    ethernet = 1,
    raw = 101,
    raw_of_linux = 12,  // DLT_RAW, which some programs write instead of 101
    raw_of_openbsd = 14,
    cooked = 113,  // LINKTYPE_LINUX_SLL
    ipv4 = 228,
    ipv6 = 229,
    cooked2 = 276,  // LINKTYPE_LINUX_SLL2
};

CapturedFrame flawed(View packet, std::size_t length, std::string flaw) {
    return {.bytes = {packet.begin(), packet.end()}, .length = length, .flaw = std::move(flaw)};
}

using Mac = std::array<std::uint8_t, ETH_ALEN>;

CapturedFrame framed(View packet, std::size_t length, std::uint16_t type, const Mac& destination = {},
                     const Mac& source = {}) {
    CapturedFrame frame{.bytes = {}, .length = length + ETH_HLEN, .flaw = {}};
    frame.bytes.reserve(packet.size() + ETH_HLEN);
    frame.bytes.assign(destination.begin(), destination.end());
    frame.bytes.insert(frame.bytes.end(), source.begin(), source.end());
    frame.bytes.push_back(static_cast<std::uint8_t>(type >> 8));
    frame.bytes.push_back(static_cast<std::uint8_t>(type));
    frame.bytes.insert(frame.bytes.end(), packet.begin(), packet.end());
    return frame;
}

CapturedFrame raw_frame(View packet, std::size_t length) {
    const unsigned version = packet.empty() ? 0 : packet[0] >> 4;
    if (version == 4) return framed(packet, length, ETH_P_IP);
    if (version == 6) return framed(packet, length, ETH_P_IPV6);
    return flawed(packet, length, packet.empty() ? "none of it was captured" : "it is neither IPv4 nor IPv6");
}

/// Offsets in a header of Linux's cooked captures, in bytes.
struct Cooked {
    std::size_t length, hardware, kind, kind_size, address, protocol;
};
constexpr Cooked version1{.length = 16, .hardware = 2, .kind = 0, .kind_size = 2, .address = 6, .protocol = 14};
constexpr Cooked version2{.length = 20, .hardware = 8, .kind = 10, .kind_size = 1, .address = 12, .protocol = 0};

/// For these, the protocol is not an EtherType.
bool has_other_protocols(std::uint16_t hardware) {
    return hardware == ARPHRD_NETLINK || hardware == ARPHRD_IPGRE || hardware == ARPHRD_IEEE80211_RADIOTAP ||
           hardware == ARPHRD_FRAD;
}

CapturedFrame cooked_frame(View packet, std::size_t length, const Cooked& header) {
    if (packet.size() < header.length) return flawed(packet, length, "its link-layer header was not captured");
    if (has_other_protocols(u16(packet, header.hardware)))
        return flawed(packet, length, "its interface is not Ethernet");
    const unsigned kind = header.kind_size == 2 ? u16(packet, header.kind) : packet[header.kind];
    if (kind == PACKET_OTHERHOST)
        return flawed(packet, length, "the capture says that it was for another host, but not for which");
    Mac destination{}, source{};
    if (kind == PACKET_BROADCAST) destination.fill(0xff);
    if (kind == PACKET_MULTICAST) destination[0] = 1;
    std::copy_n(packet.begin() + static_cast<std::ptrdiff_t>(header.address), source.size(), source.begin());
    return framed(packet.subspan(header.length), std::max(length, packet.size()) - header.length,
                  u16(packet, header.protocol), destination, source);
}

}  // namespace

bool is_known_link_type(std::uint32_t link_type) {
    constexpr std::array<std::uint32_t, 8> known{ethernet, raw,  raw_of_linux, raw_of_openbsd,
                                                 cooked,   ipv4, ipv6,         cooked2};
    return std::ranges::count(known, link_type) > 0;
}

CapturedFrame to_frame(std::uint32_t link_type, View packet, std::size_t length) {
    length = std::max(length, packet.size());
    switch (link_type) {
        case ethernet:
            return {.bytes = {packet.begin(), packet.end()}, .length = length, .flaw = {}};
        case raw:
        case raw_of_linux:
        case raw_of_openbsd:
            return raw_frame(packet, length);
        case ipv4:
            return framed(packet, length, ETH_P_IP);
        case ipv6:
            return framed(packet, length, ETH_P_IPV6);
        case cooked:
            return cooked_frame(packet, length, version1);
        case cooked2:
            return cooked_frame(packet, length, version2);
        default:
            return flawed(
                packet, length,
                fmt::format("its interface has link type {}, which is not Ethernet, raw IP or SLL", link_type));
    }
}

}  // namespace culvert::lbd
