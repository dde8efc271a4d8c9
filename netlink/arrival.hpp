// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "netlink/route.hpp"

namespace culvert::netlink {

/// A packet that arrives.
struct Arrival {
    IpAddress source;
    IpAddress destination;
    std::uint32_t link = 0;  ///< index of the link it arrives at
};

/// The kernel's route for it, of type RTN_LOCAL if it is for this host. EXDEV: the reverse-path filter refuses the
/// source. EINVAL: the source or the link is invalid.
[[nodiscard]] Result<Route> route_of_arrival(Socket& route, const Arrival& packet);

}  // namespace culvert::netlink
