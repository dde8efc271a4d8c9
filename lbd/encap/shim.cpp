// SPDX-License-Identifier: Apache-2.0
#include "lbd/encap/shim.hpp"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <array>
#include <cassert>

namespace culvert::lbd {
namespace {

using netlink::Family;

constexpr std::uint16_t geneve_ethernet = ETH_P_TEB;  // RFC 8926, section 3.4
constexpr std::uint8_t gue_option_words = 0;          // draft-ietf-intarea-gue, section 3.2

/// Source address of the Ethernet frames in Geneve: locally administered (RFC 9542, section 2.1). Nobody replies to it.
constexpr std::array<std::uint8_t, 6> inner_source{0x02, 0, 0, 0, 0, 0x01};

std::uint8_t ip_in_ip(Family inner) { return inner == Family::ipv4 ? IPPROTO_IPIP : IPPROTO_IPV6; }

bool with_checksum(UdpChecksum checksum, Family outer) {
    return checksum == UdpChecksum::automatic ? outer == Family::ipv6 : checksum == UdpChecksum::on;
}

Shim over_udp(std::uint16_t port, UdpChecksum checksum, Family outer) {
    Shim shim{.protocol = IPPROTO_UDP, .headers = {}, .udp = true, .udp_checksum = with_checksum(checksum, outer)};
    shim.headers.u16(0);
    shim.headers.u16(port);
    shim.headers.u32(0);
    return shim;
}

void add_gre(WireBytes& bytes, Family inner) {
    bytes.u16(0);  // no checksum, key or sequence number
    bytes.u16(ethertype(inner));
}

struct MakeShim {
    Family inner;
    Family outer;

    Shim operator()(const Ipip& /*encap*/) const { return {.protocol = ip_in_ip(inner), .headers = {}}; }

    Shim operator()(const Gre& /*encap*/) const {
        Shim shim{.protocol = IPPROTO_GRE, .headers = {}};
        add_gre(shim.headers, inner);
        return shim;
    }

    Shim operator()(const Fou& encap) const {
        Shim shim = over_udp(encap.port, encap.checksum, outer);
        if (encap.gre) add_gre(shim.headers, inner);
        return shim;
    }

    Shim operator()(const Gue& encap) const {
        Shim shim = over_udp(encap.port, encap.checksum, outer);
        if (encap.variant == 1) return shim;
        shim.headers.u8(gue_option_words);  // variant 0, a data message
        shim.headers.u8(encap.gre ? static_cast<std::uint8_t>(IPPROTO_GRE) : ip_in_ip(inner));
        shim.headers.u16(0);  // flags
        if (encap.gre) add_gre(shim.headers, inner);
        return shim;
    }

    Shim operator()(const Geneve& encap) const {
        Shim shim = over_udp(encap.port, encap.checksum, outer);
        shim.headers.u16(0);  // version 0, no options, no flags
        shim.headers.u16(geneve_ethernet);
        shim.headers.u32(encap.vni << 8);
        shim.headers.append(encap.mac.bytes);
        shim.headers.append(inner_source);
        shim.headers.u16(ethertype(inner));
        return shim;
    }

    template <typename NoTunnel>
    Shim operator()(const NoTunnel& /*encap*/) const {
        assert(false);
        return {};
    }
};

}  // namespace

std::uint16_t ethertype(Family family) { return family == Family::ipv4 ? ETH_P_IP : ETH_P_IPV6; }

Shim shim_of(const Encap& encap, Family inner, Family outer) {
    return std::visit(MakeShim{.inner = inner, .outer = outer}, encap);
}

std::size_t added_by(const Encap& encap, Family inner, Family outer) {
    constexpr std::size_t ipv4_header = 20;
    constexpr std::size_t ipv6_header = 40;
    if (!is_tunnel(encap)) return 0;
    return (outer == Family::ipv4 ? ipv4_header : ipv6_header) + shim_of(encap, inner, outer).headers.size();
}

}  // namespace culvert::lbd
