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

/// From the kernel's tables to next hops. Values only.
namespace culvert::lbd {

struct NeighbourKey {
    std::uint32_t link = 0;  ///< index
    IpAddress address;
    auto operator<=>(const NeighbourKey&) const = default;
};

/// The surroundings of the balancer.
struct Network {
    std::map<std::uint32_t, netlink::Link> ports;    ///< links that are balanced on, by index
    std::map<std::uint32_t, netlink::Link> vlans;    ///< VLAN devices, on ports and on other links
    std::map<std::uint32_t, netlink::Link> members;  ///< members of ports that are bonds
    std::map<std::uint32_t, netlink::Link> links;    ///< all links with a MAC address
    std::map<NeighbourKey, netlink::Neighbour> neighbours;
    std::map<std::uint32_t, std::uint32_t> ipv6_mtus;  ///< bytes, of ports and VLANs that have IPv6, by index
    std::set<std::uint32_t> with_link_local;           ///< indices of links with a usable IPv6 link-local address
};

/// A link that may lead to backends, which is a port or a VLAN device; or null.
[[nodiscard]] const netlink::Link* find_link(const Network& network, std::uint32_t index);

/// The neighbour that packets to `backend` are sent to: the backend or its router. Nothing if they would not leave by a
/// port that is up.
[[nodiscard]] std::optional<NeighbourKey> neighbour_on_the_way(const IpAddress& backend, const netlink::Route& route,
                                                               const Network& network);

/// Why the kernel cannot resolve the neighbour's MAC address however often it tries, and the cure. Empty if no reason
/// is known.
[[nodiscard]] std::string why_unresolved(const NeighbourKey& key, const Network& network);

/// The next hop without the MAC address of the neighbour, which need not be resolved for it.
[[nodiscard]] Hop way_out(const IpAddress& backend, const std::optional<netlink::Route>& route, const Network& network);

/// `route` is the result of the kernel's route lookup; nothing if there is no route.
[[nodiscard]] Hop next_hop(const IpAddress& backend, const std::optional<netlink::Route>& route,
                           const Network& network);

}  // namespace culvert::lbd
