// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "realserver/model/desired.hpp"

/// How much of a client's packet fits through each tunnel.
namespace culvert::realserver {

/// One way into this host, for one family inside and one outside.
struct Room {
    std::string tunnel;  ///< "ipip", "fou 5004", "gre in gue 5080"
    Family outer = Family::ipv4;
    Family inner = Family::ipv4;
    std::uint32_t overhead = 0;  ///< bytes of headers in front of the client's packet
    std::uint32_t mtu = 0;       ///< bytes: the longest packet of a client that fits
    bool operator==(const Room&) const = default;

    /// The longest TCP segment in such a packet, as its sender is told: without options (RFC 9293, section 3.7.1).
    [[nodiscard]] std::uint32_t mss() const;
};

/// What IPv6 demands and what IPv4 all but promises of a path is less than this; nobody's Ethernet has less.
inline constexpr std::uint32_t usual_mtu = 1500;

/// The room in every tunnel on paths of `config.mtu`, or of `link_mtu` if that is less. L2 and L3DSR have no
/// tunnel.
[[nodiscard]] std::vector<Room> rooms(const Desired& desired);

/// What TCP segments to VIPs of the family are to be limited to, in bytes; nothing if they need no limit, as without a
/// tunnel on paths that are as wide as this host's own.
[[nodiscard]] std::optional<std::uint16_t> clamp(const Desired& desired, Family family);

}  // namespace culvert::realserver
