// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "netlink/address.hpp"
#include "netlink/result.hpp"
#include "netlink/route.hpp"
#include "netlink/rule.hpp"
#include "netlink/socket.hpp"

namespace culvert::realserver {

/// Tells where packets from balancers should come by: where the kernel sends packets to them, by its rules and tables,
/// from whichever address of this host.
class WaysToBalancers {
  public:
    /// `route` (NETLINK_ROUTE) must outlive this; `routes` are all of this host.
    [[nodiscard]] static netlink::Result<WaysToBalancers> open(netlink::Socket& route,
                                                               const std::vector<netlink::Route>& routes);

    /// Routes with all their hops. None: there is no way. Into a network of balancers may lead several, as many as
    /// there are routes into parts of it.
    [[nodiscard]] std::vector<netlink::Route> to(const netlink::Prefix& balancer) const;

  private:
    explicit WaysToBalancers(netlink::Socket& route) : route_(&route) {}

    netlink::Socket* route_;
    std::vector<netlink::IpAddress> sources_;  ///< own addresses, if any rule asks for the source
    std::vector<netlink::Prefix> destinations_;
};

/// An address of the network that is no subnet-router anycast address (RFC 4291, section 2.6.1).
[[nodiscard]] netlink::IpAddress inside(const netlink::Prefix& network);

}  // namespace culvert::realserver
