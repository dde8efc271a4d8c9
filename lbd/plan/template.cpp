// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/template.hpp"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <cassert>
#include <span>
#include <variant>

#include "lbd/encap/shim.hpp"

namespace culvert::lbd {
namespace {

constexpr std::uint8_t hop_limit = 64;  // RFC 1700's default TTL

/// The ones' complement sum (RFC 1071) of an even number of bytes, taken as 16-bit words in memory order.
std::uint16_t sum(std::span<const std::uint8_t> bytes, std::uint32_t start = 0) {
    assert(bytes.size() % 2 == 0);
    for (std::size_t i = 0; i < bytes.size(); i += 2)
        start += static_cast<std::uint32_t>(bytes[i]) | static_cast<std::uint32_t>(bytes[i + 1]) << 8;
    while (start > 0xffff) start = (start & 0xffff) + (start >> 16);
    return static_cast<std::uint16_t>(start);
}

void outer_ipv4(WireBytes& bytes, std::uint8_t protocol, const NextHop& next, const IpAddress& to) {
    bytes.u16(0x4500);  // the program sets TOS, total length and checksum
    bytes.u16(0);
    bytes.u16(next.identification);  // receivers ignore it, as fragmentation is forbidden (RFC 6864, section 4.1)
    bytes.u16(0x4000);               // don't fragment: RFC 2003, section 3.1
    bytes.u8(hop_limit);
    bytes.u8(protocol);
    bytes.u16(0);
    bytes.append(next.from.bytes());
    bytes.append(to.bytes());
}

void outer_ipv6(WireBytes& bytes, std::uint8_t next_header, const NextHop& next, const IpAddress& to) {
    bytes.u32(6U << 28);  // the program sets traffic class, flow label and payload length
    bytes.u16(0);
    bytes.u8(next_header);
    bytes.u8(hop_limit);
    bytes.append(next.from.bytes());
    bytes.append(to.bytes());
}

WireBytes ethernet(const NextHop& next, Family payload) {
    WireBytes bytes;
    bytes.append(next.destination.bytes);
    bytes.append(next.source.bytes);
    for (const VlanTag& tag : next.tags) {
        bytes.u16(tag.protocol);
        bytes.u16(tag.id);
    }
    bytes.u16(ethertype(payload));
    return bytes;
}

/// Sum of the pseudo-header's addresses and protocol (RFC 768, RFC 8200 section 8.1), and of the headers behind it.
std::uint16_t udp_sum(const Shim& shim, const IpAddress& from, const IpAddress& to) {
    WireBytes covered;
    covered.append(from.bytes());
    covered.append(to.bytes());
    covered.u16(shim.protocol);
    covered.append(shim.headers.view());
    return sum(covered.view());
}

lb_dest_body make_frame(lb_action action, const NextHop& next, const WireBytes& header) {
    assert(header.size() <= LB_TEMPLATE_MAX);
    lb_dest_body body{};
    body.action = static_cast<std::uint8_t>(action);
    body.l2_len = static_cast<std::uint8_t>(ETH_HLEN + 4 * next.tags.size());
    body.head_len = static_cast<std::uint8_t>(header.size());
    body.mtu = next.mtu;
    body.ifindex = next.ifindex;
    std::ranges::copy(header.view(), body.bytes);
    return body;
}

lb_dest_body make_l2(Family inner, const NextHop& next) {
    return make_frame(LB_ACTION_L2, next, ethernet(next, inner));
}

lb_dest_body make_l3dsr(const L3dsr& encap, Family inner, const IpAddress& backend, const NextHop& next) {
    assert(inner == backend.family());
    lb_dest_body body = make_frame(LB_ACTION_L3DSR, next, ethernet(next, inner));
    body.dscp = encap.dscp;
    std::ranges::copy(backend.bytes(), body.bytes + body.head_len);
    return body;
}

std::uint16_t room_inside(const NextHop& next, std::size_t added, Family inner) {
    const auto rest = [added](std::uint16_t mtu) { return static_cast<std::uint16_t>(mtu > added ? mtu - added : 0); };
    const std::uint16_t by_link = rest(next.mtu);
    if (!next.path_mtu) return by_link;
    const std::uint16_t least = inner == Family::ipv6 ? least_ipv6_mtu : std::uint16_t{0};
    return std::min(by_link, std::max(rest(*next.path_mtu), least));
}

lb_dest_body make_tunnel(const Encap& encap, Family inner, const IpAddress& backend, const NextHop& next) {
    const Shim shim = shim_of(encap, inner, backend.family());
    WireBytes bytes = ethernet(next, backend.family());
    const std::size_t ip_begin = bytes.size();
    const auto outer = backend.is_v4() ? outer_ipv4 : outer_ipv6;
    outer(bytes, shim.protocol, next, backend);
    const std::size_t ip_end = bytes.size();
    bytes.append(shim.headers.view());

    lb_dest_body body = make_frame(LB_ACTION_ENCAP, next, bytes);
    const std::size_t added = bytes.size() - ip_begin;
    body.mtu = room_inside(next, added, inner);
    if (backend.is_v4())
        body.ip_sum = sum(bytes.view().subspan(ip_begin, ip_end - ip_begin));
    else
        body.flags |= LB_ENCAP_OUTER6;
    if (shim.udp) body.flags |= LB_ENCAP_UDP;
    if (shim.udp_checksum) {
        body.flags |= LB_ENCAP_UDP_CSUM;
        body.udp_sum = udp_sum(shim, next.from, backend);
    }
    return body;
}

}  // namespace

lb_dest_body make_body(const Encap& encap, Family inner, const IpAddress& backend, const NextHop& next) {
    if (is_tunnel(encap)) return make_tunnel(encap, inner, backend, next);
    if (const auto* l3dsr = std::get_if<L3dsr>(&encap)) return make_l3dsr(*l3dsr, inner, backend, next);
    return make_l2(inner, next);
}

lb_dest_body drop_body(lb_reason reason) {
    lb_dest_body body{};
    body.action = LB_ACTION_DROP;
    body.reason = static_cast<std::uint8_t>(reason);
    return body;
}

}  // namespace culvert::lbd
