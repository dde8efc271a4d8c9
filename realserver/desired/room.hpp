// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "realserver/model/desired.hpp"

/// How long a client's packet may be to fit each tunnel.
namespace culvert::realserver {

/// One kind of tunnel into this host, for one inner and one outer family.
struct Room {
    std::string tunnel;  ///< "ipip", "fou 5004", "gre in gue 5080"
    Family outer = Family::ipv4;
    Family inner = Family::ipv4;
    std::uint32_t overhead = 0;  ///< bytes of headers in front of the client's packet
    std::uint32_t mtu = 0;       ///< bytes: the longest packet of a client that fits
    bool operator==(const Room&) const = default;

    /// The MSS for such packets: the longest TCP segment without options (RFC 9293, section 3.7.1).
    [[nodiscard]] std::uint32_t mss() const;
};

/// The MTU of a path if none is known: the one of Ethernet.
inline constexpr std::uint32_t usual_mtu = 1500;

/// The room in every tunnel on paths of `config.mtu`, or of `link_mtu` if that is smaller. L2 and L3DSR have no tunnel.
[[nodiscard]] std::vector<Room> rooms(const Desired& desired);

/// The MSS to set in SYNs from VIPs of the family, in bytes. Nothing if no limit is needed: for example without a
/// tunnel, on paths with the MTU of this host's own links.
[[nodiscard]] std::optional<std::uint16_t> clamp(const Desired& desired, Family family);

}  // namespace culvert::realserver
