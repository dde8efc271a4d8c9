// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "netlink/address.hpp"

namespace culvert::lbd {

/// Who talks to whom in an IP packet of TCP, UDP or ICMP echo. Ports are in host order; an echo has its identifier as
/// the port of the one who asks, and 0 as the other's.
struct Endpoints {
    netlink::IpAddress source;
    netlink::IpAddress destination;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t protocol = 0;  ///< IANA number
    bool resets = false;        ///< TCP: the connection ends with this packet (RST)
    bool operator==(const Endpoints&) const = default;
};

/// Nothing of what is cut off, a fragment, or another protocol.
[[nodiscard]] std::optional<Endpoints> read_endpoints(std::span<const std::uint8_t> packet);

/// Puts other addresses and ports in the place of those that read_endpoints() has read, of the same family and
/// protocol, and corrects the checksums by the difference (RFC 1624).
void replace_endpoints(std::span<std::uint8_t> packet, const Endpoints& endpoints);

}  // namespace culvert::lbd
