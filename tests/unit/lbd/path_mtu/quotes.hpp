// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lbd/frame/frame.hpp"
#include "lbd/path_mtu/flow_key.hpp"
#include "lbd/plan/template.hpp"
#include "tests/unit/lbd/address.hpp"

/// lbd's packets, and routers' messages about them: written a second time here, from the RFCs.
namespace culvert::lbd::quotes {

inline void put16(std::span<std::uint8_t> bytes, std::size_t at, std::size_t value) {
    bytes[at] = static_cast<std::uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<std::uint8_t>(value);
}

/// RFC 1071, over all bytes.
inline std::uint16_t checksum(std::span<const std::uint8_t> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) sum += std::uint32_t{bytes[i]} << (i % 2 == 0 ? 8 : 0);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

/// A client's packet of this length.
inline Bytes inner(const FlowTuple& flow, std::size_t length) {
    Bytes frame = encode({.source = flow.client,
                          .destination = flow.vip,
                          .protocol = flow.protocol,
                          .source_port = flow.client_port,
                          .destination_port = flow.port,
                          .tcp_flags = 0x10,
                          .length = length});
    constexpr std::size_t ethernet = 14;
    return {frame.begin() + ethernet, frame.end()};
}

/// The IP packet to a backend with the client's packet of `flow` in it, as bpf/encap.h makes it.
inline Bytes sent(const Encap& encap, const IpAddress& backend, const NextHop& hop, const FlowKey& key,
                  const FlowTuple& flow, std::size_t length) {
    const lb_dest_body body = make_body(encap, flow.vip.family(), backend, hop);
    const std::span head = std::span(body.bytes).first(body.head_len).subspan(body.l2_len);
    Bytes packet(head.begin(), head.end());
    const Bytes inside = inner(flow, length);
    packet.insert(packet.end(), inside.begin(), inside.end());
    const std::uint64_t hash = key.hash(flow);
    const std::size_t ip = backend.is_v4() ? 20 : 40;
    if (backend.is_v4()) {
        put16(packet, 2, packet.size());
    } else {
        put16(packet, 4, packet.size() - ip);
        packet[1] = static_cast<std::uint8_t>(hash >> 16 & 0xf);
        put16(packet, 2, hash & 0xffff);
    }
    if ((body.flags & LB_ENCAP_UDP) != 0) {
        put16(packet, ip, 0xc000 | hash >> 48);
        put16(packet, ip + 4, packet.size() - ip);
        put16(packet, ip + 6, 0x1234);  // a checksum
    }
    return packet;
}

/// "Fragmentation needed" about the first bytes of a packet: RFC 792, RFC 1191.
inline Bytes frag_needed(std::uint16_t mtu, Bytes quoted, std::size_t length = 528) {
    quoted.resize(std::min(quoted.size(), length));
    Bytes icmp{3, 4, 0, 0, 0, 0, 0, 0};
    put16(icmp, 6, mtu);
    icmp.insert(icmp.end(), quoted.begin(), quoted.end());
    put16(icmp, 2, checksum(icmp));
    Bytes packet{0x45, 0, 0, 0, 0, 0, 0, 0, 64, IPPROTO_ICMP, 0, 0, 203, 0, 113, 66, 10, 0, 0, 2};
    put16(packet, 2, packet.size() + icmp.size());
    packet.insert(packet.end(), icmp.begin(), icmp.end());
    return packet;
}

/// "Packet too big": RFC 4443, section 3.2.
inline Bytes too_big(std::uint32_t mtu, Bytes quoted, std::size_t length = 1232) {
    quoted.resize(std::min(quoted.size(), length));
    Bytes icmp{2, 0, 0, 0, 0, 0, 0, 0};
    put16(icmp, 4, mtu >> 16);
    put16(icmp, 6, mtu & 0xffff);
    icmp.insert(icmp.end(), quoted.begin(), quoted.end());
    return icmp;
}

}  // namespace culvert::lbd::quotes
