// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "netlink/route.hpp"

namespace culvert::netlink {

/// A packet that comes in.
struct Arrival {
    IpAddress source;
    IpAddress destination;
    std::uint32_t link = 0;  ///< index of the link that it comes by
};

/// What the kernel does with it: of type RTN_LOCAL if it is for this host. EXDEV: its reverse-path filter refuses the
/// source; EINVAL: the source or the link is none.
[[nodiscard]] Result<Route> route_of_arrival(Socket& route, const Arrival& packet);

}  // namespace culvert::netlink
