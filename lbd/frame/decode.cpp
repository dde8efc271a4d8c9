// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <array>
#include <utility>

#include "common/protocol.hpp"
#include "lbd/frame/bytes.hpp"
#include "lbd/frame/frame.hpp"
#include "lbd/model/endpoint.hpp"

namespace culvert::lbd {
namespace {

constexpr std::array<std::pair<std::uint8_t, std::string_view>, 8> flag_names{{{0x02, "syn"},
                                                                               {0x10, "ack"},
                                                                               {0x01, "fin"},
                                                                               {0x04, "rst"},
                                                                               {0x08, "psh"},
                                                                               {0x20, "urg"},
                                                                               {0x40, "ece"},
                                                                               {0x80, "cwr"}}};

bool is_tag(std::uint16_t type) { return type == ETH_P_8021Q || type == ETH_P_8021AD; }

/// Sets protocol and is_fragment. Returns the offset behind the IP headers; nothing if the frame ends there.
std::optional<std::size_t> skip_ipv4(View ip, Headers& headers) {
    const std::size_t length = (ip[0] & 0xfU) * 4;
    if (length < 20) return std::nullopt;
    headers.protocol = ip[9];
    const std::uint16_t fragment = u16(ip, 6) & 0x3fff;  // RFC 791: the flag "more fragments", and the offset
    headers.is_fragment = fragment != 0;
    if ((fragment & 0x1fff) != 0) return std::nullopt;
    return length;
}

std::optional<std::size_t> skip_ipv6(View ip, Headers& headers) {
    constexpr std::size_t most_headers = 8;
    std::size_t at = 40;
    headers.protocol = ip[6];
    for (std::size_t i = 0; i < most_headers; ++i) {
        const bool is_fragment = headers.protocol == IPPROTO_FRAGMENT;
        if (!is_fragment && headers.protocol != IPPROTO_HOPOPTS && headers.protocol != IPPROTO_ROUTING &&
            headers.protocol != IPPROTO_DSTOPTS)
            return at;
        if (ip.size() < at + 8) return std::nullopt;
        headers.protocol = ip[at];
        if (is_fragment) {
            headers.is_fragment = true;
            if ((u16(ip, at + 2) & 0xfff8) != 0) return std::nullopt;  // RFC 8200, section 4.5
        }
        at += is_fragment ? 8 : 8 * (ip[at + 1] + std::size_t{1});
    }
    return std::nullopt;
}

}  // namespace

std::vector<std::uint16_t> vlans_of(View frame) {
    std::vector<std::uint16_t> vlans;
    for (std::size_t at = ETH_HLEN; frame.size() >= at + 4 && is_tag(u16(frame, at - 2)); at += 4)
        vlans.push_back(u16(frame, at) & 0xfff);
    return vlans;
}

std::optional<Headers> decode(View frame) {
    Headers headers{.vlans = vlans_of(frame)};
    const std::size_t at = headers.ip_offset = ETH_HLEN + 4 * headers.vlans.size();
    if (frame.size() < at) return std::nullopt;
    const View ip = frame.subspan(at);
    const std::uint16_t type = u16(frame, at - 2);
    const bool is_v4 = type == ETH_P_IP;
    if ((!is_v4 && type != ETH_P_IPV6) || ip.size() < (is_v4 ? 20 : 40)) return std::nullopt;
    const std::size_t length = is_v4 ? 4 : 16, first = is_v4 ? 12 : 8;
    headers.source = *IpAddress::from_bytes(ip.subspan(first, length));
    headers.destination = *IpAddress::from_bytes(ip.subspan(first + length, length));
    const auto l4 = is_v4 ? skip_ipv4(ip, headers) : skip_ipv6(ip, headers);
    const bool is_tcp = headers.protocol == IPPROTO_TCP;
    if (!l4 || ip.size() < *l4 + (is_tcp ? 14 : 4)) return headers;
    if (!is_tcp && headers.protocol != IPPROTO_UDP && headers.protocol != IPPROTO_SCTP) return headers;
    headers.has_ports = true;
    headers.source_port = u16(ip, *l4);
    headers.destination_port = u16(ip, *l4 + 2);
    if (is_tcp) headers.tcp_flags = ip[*l4 + 13];
    return headers;
}

std::string Headers::to_string() const {
    std::string text = has_ports ? fmt::format("{} > {}", Endpoint{source, source_port}.to_string(),
                                               Endpoint{destination, destination_port}.to_string())
                                 : fmt::format("{} > {}", source.to_string(), destination.to_string());
    text += ' ' + common::protocol_name(protocol);
    if (has_ports && tcp_flags != 0) text += ' ' + tcp_flag_names(tcp_flags);
    if (is_fragment) text += " fragment";
    for (const std::uint16_t vlan : vlans) text += fmt::format(" vlan {}", vlan);
    return text;
}

std::string tcp_flag_names(std::uint8_t flags) {
    std::vector<std::string_view> names;
    for (const auto& [bit, name] : flag_names)
        if ((flags & bit) != 0) names.push_back(name);
    return fmt::format("{}", fmt::join(names, ","));
}

std::optional<std::uint8_t> parse_tcp_flags(std::string_view words) {
    std::uint8_t flags = 0;
    for (bool more = true; more;) {
        const auto comma = words.find(',');
        const std::string_view word = words.substr(0, comma);
        bool known = false;
        for (const auto& [bit, name] : flag_names)
            if (word == name) {
                flags |= bit;
                known = true;
            }
        if (!known) return std::nullopt;
        more = comma != std::string_view::npos;
        if (more) words.remove_prefix(comma + 1);
    }
    return flags;
}

}  // namespace culvert::lbd
