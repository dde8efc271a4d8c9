// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "netlink/address.hpp"
#include "realserver/model/config.hpp"

/// Packets that the kernel dropped on their way into this backend, as `realserver trace` shows them.
namespace culvert::realserver {

/// The headers of one IP packet. Ports are those of TCP and UDP, in host order.
struct Flow {
    IpAddress source;
    IpAddress destination;
    std::uint8_t protocol = 0;  ///< IPPROTO_, behind any extension headers
    std::optional<std::uint16_t> source_port;
    std::optional<std::uint16_t> destination_port;
    bool operator==(const Flow&) const = default;
};

struct Packet {
    std::string encap;          ///< "ipip", "gre over gue 5080"; empty: no tunnel
    std::optional<Flow> outer;  ///< of the tunnel
    Flow flow;                  ///< of the inner packet, or of the packet itself
    bool unwrapped = false;     ///< the kernel had already decapsulated it
    bool operator==(const Packet&) const = default;
};

/// Reads a packet from the bytes around its network header, which begins at `network`. Headers that a tunnel device has
/// removed are in front of it. UDP ports count as tunnels if the configuration has them. Nothing if it is not IP.
[[nodiscard]] std::optional<Packet> dissect(std::span<const std::uint8_t> bytes, std::size_t network,
                                            bool from_tunnel_device, const Config& config);

struct Drop {
    std::string reason;        ///< name in the kernel's enum skb_drop_reason: "NETFILTER_DROP"
    std::string function;      ///< kernel function that dropped it; empty if unknown
    std::string device;        ///< the last device that it arrived at
    std::uint32_t length = 0;  ///< remaining bytes
    Packet packet;
    bool operator==(const Drop&) const = default;
};

[[nodiscard]] bool any_contains(const std::vector<Prefix>& prefixes, const IpAddress& address);

/// Whether it is a tunnel packet or a packet for a VIP.
[[nodiscard]] bool concerns(const Drop& drop, const Config& config);

}  // namespace culvert::realserver
