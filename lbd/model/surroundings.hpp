// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <set>

#include "netlink/address.hpp"

/// What the program needs to know about the host.
namespace culvert::lbd {

/// What is compiled into the program, apart from the configuration.
struct Surroundings {
    std::optional<netlink::IpAddress> own4;  ///< source addresses of "time exceeded"; absent: it is not sent
    std::optional<netlink::IpAddress> own6;
    bool vlans = false;  ///< frames arrive or leave with VLAN tags
    bool operator==(const Surroundings&) const = default;
};

/// A MAC address of this host, for frames that arrive at this port.
struct OwnMac {
    std::uint32_t port = 0;  ///< index of the receiving interface
    netlink::MacAddress mac;
    auto operator<=>(const OwnMac&) const = default;
};

/// Which frames are for this host.
struct Own {
    std::set<OwnMac> macs;
    std::set<std::uint16_t> vlans;  ///< ids of VLAN devices on ports, and of VLAN devices on those
    bool operator==(const Own&) const = default;
};

}  // namespace culvert::lbd
