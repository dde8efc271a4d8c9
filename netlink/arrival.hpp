// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "netlink/route.hpp"

namespace culvert::netlink {

/// A packet that arrives.
struct Arrival {
    IpAddress source;
    IpAddress destination;
    std::uint32_t link = 0;              ///< index of the link it arrives at
    std::uint8_t ip_protocol = 0;        ///< TCP or UDP; 0: rules with a protocol don't match
    std::uint16_t destination_port = 0;  ///< host order; with `ip_protocol`
};

/// The kernel's route for it, of type RTN_LOCAL if it is for this host. EXDEV: the reverse-path filter refuses the
/// source. EINVAL: the source or the link is invalid.
[[nodiscard]] Result<Route> route_of_arrival(Socket& route, const Arrival& packet);

}  // namespace culvert::netlink
