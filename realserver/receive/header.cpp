// SPDX-License-Identifier: Apache-2.0
#include "realserver/receive/header.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include "realserver/receive/encapsulation.hpp"

namespace culvert::realserver {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint32_t after_udp = 8;
constexpr std::uint32_t after_gue = after_udp + 4;

struct InnerIp {
    Inner inner;
    std::uint8_t protocol;
    std::uint8_t version;  ///< the first four bits of the packet
};
constexpr std::array inner_ips{InnerIp{Inner::ipv4, IPPROTO_IPIP, 0x40}, InnerIp{Inner::ipv6, IPPROTO_IPV6, 0x60}};

Pattern version(const InnerIp& ip) { return {.offset = after_udp, .mask = {0xf0}, .value = {ip.version}}; }

void add_gre(const PortContent& content, const Shape& before, std::uint32_t offset, std::vector<Shape>& shapes) {
    if (!content.inner.contains(Inner::gre)) return;
    if (content.any_gre) return shapes.push_back(before);
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        Shape shape = before;
        shape.push_back(gre_with(family, offset));
        shapes.push_back(std::move(shape));
    }
}

}  // namespace

Pattern gre_with(Family inner, std::uint32_t offset) {
    const bool is_v4 = inner == Family::ipv4;
    return {.offset = offset,
            .mask = {},
            .value = {0, 0, std::uint8_t(is_v4 ? 0x08 : 0x86), std::uint8_t(is_v4 ? 0x00 : 0xdd)}};
}

/// The port tells what follows the header.
Next behind_fou(const TunnelEnd& end, Bytes /*bytes*/) {
    if (end.inner.contains(Inner::gre)) return {title(end), Next::Kind::protocol, IPPROTO_GRE, 0};
    return {title(end), Next::Kind::ip, 0, 0};
}

/// draft-ietf-intarea-gue-09 sections 3.1 and 4: the version, the control flag, the length of the optional fields in
/// words, and an IP protocol. In version 1 an IP header follows directly, without a GUE header.
Next behind_gue(const TunnelEnd& end, Bytes bytes) {
    constexpr std::size_t length = 4;
    if (bytes.size() < length) return {.tunnel = title(end)};
    const int version = bytes[0] >> 6;
    if (version == 1) return {title(end), Next::Kind::ip, 0, 0};
    if (version != 0 || (bytes[0] & 0x20) != 0) return {.tunnel = title(end)};
    return {title(end), Next::Kind::protocol, bytes[1], length + (bytes[0] & 0x1fU) * 4U};
}

/// RFC 8926 section 3.4: the number of words of options, an Ethernet type, the VNI.
Next behind_geneve(const TunnelEnd& end, Bytes bytes) {
    constexpr std::size_t length = 8;
    if (bytes.size() < length) return {};
    const auto vni = std::uint32_t{bytes[4]} << 16 | std::uint32_t{bytes[5]} << 8 | bytes[6];
    return {fmt::format("{} {}", name(end.encap), vni), Next::Kind::ethertype,
            static_cast<std::uint16_t>(bytes[2] << 8 | bytes[3]), length + (bytes[0] & 0x3fU) * 4U};
}

std::vector<Shape> shapes_of_fou(const PortContent& content) {
    std::vector<Shape> shapes;
    for (const InnerIp& ip : inner_ips)
        if (content.inner.contains(ip.inner)) shapes.push_back({version(ip)});
    add_gre(content, {}, after_udp, shapes);
    return shapes;
}

/// Variant 0 with the protocol and options of any length, and variant 1, which has no header.
std::vector<Shape> shapes_of_gue(const PortContent& content) {
    std::vector<Shape> shapes;
    for (const InnerIp& ip : inner_ips) {
        if (!content.inner.contains(ip.inner)) continue;
        // Version, control flag and protocol, without the length of GUE's options.
        shapes.push_back({{.offset = after_udp, .mask = {0xe0, 0xff}, .value = {0, ip.protocol}}});
        shapes.push_back({version(ip)});
    }
    add_gre(content, {{.offset = after_udp, .mask = {}, .value = {0, IPPROTO_GRE}}}, after_gue, shapes);
    return shapes;
}

/// RFC 8926 section 3.4: version, control flag, the protocol, which is Ethernet, and the VNI.
std::vector<Shape> shapes_of_geneve(const PortContent& content) {
    std::vector<Shape> shapes;
    for (const std::uint32_t vni : content.vnis)
        shapes.push_back({{.offset = after_udp, .mask = {0xc0, 0x80, 0xff, 0xff}, .value = {0, 0, 0x65, 0x58}},
                          {.offset = after_udp + 4,
                           .mask = {},
                           .value = {static_cast<std::uint8_t>(vni >> 16), static_cast<std::uint8_t>(vni >> 8 & 0xff),
                                     static_cast<std::uint8_t>(vni & 0xff)}}});
    return shapes;
}

}  // namespace culvert::realserver
