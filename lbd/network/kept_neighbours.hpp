// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>

#include "lbd/network/next_hop.hpp"
#include "netlink/socket.hpp"

namespace culvert::lbd {

/// The neighbours that the kernel keeps resolved for us: packets that XDP sends refresh no entry of its own.
class KeptNeighbours {
  public:
    /// These, and no others. `route`: NETLINK_ROUTE.
    void keep(const std::set<NeighbourKey>& wanted, const Network& network, netlink::Socket& route);
    /// Those of another one, and no others.
    void keep_only(const KeptNeighbours& other, const Network& network, netlink::Socket& route) {
        keep(other.kept_, network, route);
    }

    /// The kernel has removed its entry.
    void forget(const NeighbourKey& key) { kept_.erase(key); }
    /// The same of all that are not there.
    void forget_missing(const Network& network);

  private:
    std::set<NeighbourKey> kept_;
};

}  // namespace culvert::lbd
