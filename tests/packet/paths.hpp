// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lbd/model/config.hpp"
#include "lbd/plan/template.hpp"
#include "tests/packet/balancer.hpp"
#include "tests/packet/packet.hpp"

/// The matrix of encapsulations: input, and the expected output, written independently of the templates.
namespace culvert::packet {

using lbd::Protocol;
using netlink::Family;

/// One encapsulation of clients' packets to a backend.
struct Path {
    lbd::Encap encap;
    Family inner = Family::ipv4;  ///< of client and VIP
    Family outer = Family::ipv4;  ///< of balancer and backend
    Protocol protocol = Protocol::tcp;
};

/// Every encapsulation with every pair of families that it supports, TCP and UDP.
[[nodiscard]] std::vector<Path> all_paths();

[[nodiscard]] bool is_tunnel(const Path& path);
[[nodiscard]] bool has_outer_udp(const Path& path);
/// Whether the outer UDP header has a checksum if the client's packet has one.
[[nodiscard]] bool has_outer_checksum(const Path& path);

/// "gue_ipv4_in_ipv6_tcp"
[[nodiscard]] std::string name(const Path& path);
void PrintTo(const Path& path, std::ostream* out);

/// The next hop: interface 1, the balancer's usual address, no tags.
[[nodiscard]] lbd::NextHop next_hop(const Path& path);
[[nodiscard]] lb_dest_body body(const Path& path, const lbd::NextHop& next);
/// The destination that the templates produce for the path. `own`: the balancer's address there, if not the usual one.
[[nodiscard]] lb_dest_body body(const Path& path, std::uint16_t mtu = 9000, const std::string& own = {});

/// Adds the VIP, the service and the only destination of the path.
void install(Balancer& balancer, const Path& path, std::uint16_t dest = 1, std::uint16_t mtu = 9000);

/// The parameters of a client's packet.
struct Sent {
    std::uint8_t tos = 0;
    std::uint8_t ttl = 64;
    std::uint16_t source_port = 40000;
    unsigned tcp_flags = ack;
    std::optional<std::uint16_t> udp_length;
    std::optional<std::uint16_t> udp_checksum;
    Payload data;
};

/// The frame from the client.
[[nodiscard]] Packet sent_frame(const Path& path, const Sent& sent);

/// The fields that the balancer derives from the flow's hash.
struct Entropy {
    std::uint16_t source_port = 0;  ///< of the outer UDP header; 0 if there is none
    std::uint32_t flow_label = 0;   ///< of the outer IPv6 header; 0 if there is none
    bool operator==(const Entropy&) const = default;
};
[[nodiscard]] Entropy entropy_of(const Path& path, const Bytes& frame);

/// The frame to the backend.
[[nodiscard]] Packet forwarded_frame(const Path& path, const Sent& sent, const Entropy& entropy,
                                     const std::string& own = {});

}  // namespace culvert::packet
