// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "netlink/address.hpp"
#include "netlink/result.hpp"
#include "netlink/route.hpp"
#include "netlink/rule.hpp"
#include "netlink/socket.hpp"

namespace culvert::realserver {

/// Finds the devices at which packets from balancers should arrive: those through which the kernel sends packets to the
/// balancers, by its rules and tables, from any address of this host.
class WaysToBalancers {
  public:
    /// `route` (NETLINK_ROUTE) must outlive this; `routes` are all routes of this host.
    [[nodiscard]] static netlink::Result<WaysToBalancers> open(netlink::Socket& route,
                                                               const std::vector<netlink::Route>& routes);

    /// Routes with all their hops; empty if there is none. A network of balancers may have several: one for each route
    /// into a part of it.
    [[nodiscard]] std::vector<netlink::Route> to(const netlink::Prefix& balancer) const;

  private:
    explicit WaysToBalancers(netlink::Socket& route) : route_(&route) {}

    netlink::Socket* route_;
    std::vector<netlink::IpAddress> sources_;  ///< own addresses, if any rule selects by source
    std::vector<netlink::Prefix> destinations_;
};

/// An address of the network other than the subnet-router anycast address (RFC 4291, section 2.6.1).
[[nodiscard]] netlink::IpAddress inside(const netlink::Prefix& network);

}  // namespace culvert::realserver
