// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "lbd/model/hops.hpp"
#include "netlink/link.hpp"
#include "netlink/neighbour.hpp"
#include "netlink/route.hpp"

/// From the kernel's tables to the frames' way. Values only.
namespace culvert::lbd {

struct NeighbourKey {
    std::uint32_t link = 0;  ///< index
    IpAddress address;
    auto operator<=>(const NeighbourKey&) const = default;
};

/// What is around the balancer.
struct Network {
    std::map<std::uint32_t, netlink::Link> ports;    ///< the links that are balanced on, by index
    std::map<std::uint32_t, netlink::Link> vlans;    ///< VLAN devices, of them and others
    std::map<std::uint32_t, netlink::Link> members;  ///< of ports that are bonds
    std::map<std::uint32_t, netlink::Link> links;    ///< all that have a MAC address
    std::map<NeighbourKey, netlink::Neighbour> neighbours;
    std::set<std::uint32_t> with_link_local;  ///< links that have a usable IPv6 address of this scope, by index
};

/// A link by which backends may be reached, or null: a port or a VLAN device.
[[nodiscard]] const netlink::Link* find_link(const Network& network, std::uint32_t index);

/// Whose MAC address packets to `backend` take: the backend's, or its router's. Nothing if they don't leave by a port
/// that is up.
[[nodiscard]] std::optional<NeighbourKey> neighbour_on_the_way(const IpAddress& backend, const netlink::Route& route,
                                                               const Network& network);

/// What keeps the kernel from finding out the neighbour's MAC address, however often it is asked to, and the cure;
/// empty if nothing is known to.
[[nodiscard]] std::string why_unresolved(const NeighbourKey& key, const Network& network);

/// The next hop but for its MAC address, for which nobody has to be asked.
[[nodiscard]] Hop way_out(const IpAddress& backend, const std::optional<netlink::Route>& route, const Network& network);

/// `route` is the kernel's answer to a lookup of the backend, or nothing if it has none.
[[nodiscard]] Hop next_hop(const IpAddress& backend, const std::optional<netlink::Route>& route,
                           const Network& network);

}  // namespace culvert::lbd
