// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "netlink/address.hpp"

namespace culvert::lbd {

/// Addresses and ports of an IP packet with TCP, UDP or ICMP echo. Ports are in host order. For an echo, the identifier
/// is the port of the requester, and the other port is 0.
struct Endpoints {
    netlink::IpAddress source;
    netlink::IpAddress destination;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t protocol = 0;  ///< IANA number
    bool resets = false;        ///< TCP: RST is set
    bool operator==(const Endpoints&) const = default;
};

/// Nothing if the packet is truncated, a fragment, or of another protocol.
[[nodiscard]] std::optional<Endpoints> read_endpoints(std::span<const std::uint8_t> packet);

/// Replaces the addresses and ports, of the same family and protocol as read_endpoints() found, and updates the
/// checksums by the difference (RFC 1624).
void replace_endpoints(std::span<std::uint8_t> packet, const Endpoints& endpoints);

}  // namespace culvert::lbd
