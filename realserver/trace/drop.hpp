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

/// What one IP packet says of itself. Ports are of TCP and UDP, host order.
struct Flow {
    IpAddress source;
    IpAddress destination;
    std::uint8_t protocol = 0;  ///< IPPROTO_, behind any extension headers
    std::optional<std::uint16_t> source_port;
    std::optional<std::uint16_t> destination_port;
    bool operator==(const Flow&) const = default;
};

struct Packet {
    std::string encap;          ///< "ipip", "gre over gue 5080"; empty: in no tunnel
    std::optional<Flow> outer;  ///< of the tunnel
    Flow flow;                  ///< of what travels in it, or of the packet itself
    bool unwrapped = false;     ///< the kernel had taken the tunnel's headers off already
    bool operator==(const Packet&) const = default;
};

/// Reads a packet from the bytes around its network header, which begins at `network`. What a tunnel device had taken
/// off stands before it. UDP ports count as tunnels if the configuration has them. Nothing if there is no IP.
[[nodiscard]] std::optional<Packet> dissect(std::span<const std::uint8_t> bytes, std::size_t network,
                                            bool from_tunnel_device, const Config& config);

struct Drop {
    std::string reason;        ///< the kernel's enum skb_drop_reason by name: "NETFILTER_DROP"
    std::string function;      ///< of the kernel, which dropped it; empty if the kernel doesn't tell
    std::string device;        ///< by which it came last
    std::uint32_t length = 0;  ///< bytes that were left of it
    Packet packet;
    bool operator==(const Drop&) const = default;
};

[[nodiscard]] bool any_contains(const std::vector<Prefix>& prefixes, const IpAddress& address);

/// Whether it is a tunnel's packet, or for a VIP.
[[nodiscard]] bool concerns(const Drop& drop, const Config& config);

}  // namespace culvert::realserver
