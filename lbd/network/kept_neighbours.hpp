// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>

#include "lbd/network/next_hop.hpp"
#include "netlink/socket.hpp"

namespace culvert::lbd {

/// Neighbours that the kernel keeps resolved for us. Packets that XDP sends do not refresh the kernel's entries.
class KeptNeighbours {
  public:
    /// Keeps these neighbours resolved, and no others. `route`: a NETLINK_ROUTE socket.
    void keep(const std::set<NeighbourKey>& wanted, const Network& network, netlink::Socket& route);
    /// Keeps the neighbours of `other`, and no others.
    void keep_only(const KeptNeighbours& other, const Network& network, netlink::Socket& route) {
        keep(other.kept_, network, route);
    }

    /// Call when the kernel has removed the entry.
    void forget(const NeighbourKey& key) { kept_.erase(key); }
    /// Call when the neighbour does not answer any more. keep() asks for it at once: the kernel would do so after five
    /// seconds (interval_probe_time_ms), and the neighbour may have just returned.
    void has_failed(const NeighbourKey& key) { failed_.insert(key); }
    /// Forgets all neighbours without an entry in the kernel.
    void forget_missing(const Network& network);

  private:
    std::set<NeighbourKey> kept_;
    std::set<NeighbourKey> failed_;
};

}  // namespace culvert::lbd
