// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <set>

#include "netlink/address.hpp"

/// What the program is told of the host it runs on.
namespace culvert::lbd {

/// What the program is compiled to, beyond the configuration.
struct Surroundings {
    std::optional<netlink::IpAddress> own4;  ///< the balancer's addresses, for "time exceeded"; none: it is not sent
    std::optional<netlink::IpAddress> own6;
    bool vlans = false;  ///< frames come and leave with VLAN tags
    bool operator==(const Surroundings&) const = default;
};

/// Frames for this address that come by this port.
struct OwnMac {
    std::uint32_t port = 0;  ///< index of the interface that receives
    netlink::MacAddress mac;
    auto operator<=>(const OwnMac&) const = default;
};

/// Which frames are for this host.
struct Own {
    std::set<OwnMac> macs;
    std::set<std::uint16_t> vlans;  ///< ids, of VLAN devices on ports and of those on such
    bool operator==(const Own&) const = default;
};

}  // namespace culvert::lbd
