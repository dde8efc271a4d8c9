// SPDX-License-Identifier: Apache-2.0
#include "lbd/next_hop.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>

namespace culvert::lbd {
namespace {

const netlink::Link* port_of(const netlink::Route& route, const Network& network) {
    const auto port = network.ports.find(route.hops.front().link);
    if (port == network.ports.end()) return nullptr;
    const netlink::Link& link = port->second;
    return link.is_up() && link.has_carrier() && link.mac ? &link : nullptr;
}

bool leads_on(const netlink::Route& route) { return route.type == RTN_UNICAST && !route.hops.empty(); }

}  // namespace

std::optional<NeighbourKey> neighbour_on_the_way(const IpAddress& backend, const netlink::Route& route,
                                                 const Network& network) {
    if (!leads_on(route) || port_of(route, network) == nullptr) return std::nullopt;
    const netlink::NextHop& hop = route.hops.front();
    return NeighbourKey{.link = hop.link, .address = hop.gateway.value_or(backend)};
}

Hop next_hop(const IpAddress& backend, const std::optional<netlink::Route>& route, const Network& network) {
    // Without a source address of our own, what we send would be taken for spoofed.
    if (!route || !leads_on(*route) || !route->source) return tl::unexpected(LB_DROP_NO_ROUTE);
    const auto key = neighbour_on_the_way(backend, *route, network);
    if (!key) return tl::unexpected(LB_DROP_NO_INTERFACE);
    const auto neighbour = network.neighbours.find(*key);
    if (neighbour == network.neighbours.end() || !neighbour->second.is_usable())
        return tl::unexpected(LB_DROP_NO_NEIGHBOUR);

    const netlink::Link& port = network.ports.at(key->link);
    const std::uint32_t mtu = route->mtu != 0 ? route->mtu : port.mtu;
    return NextHop{.ifindex = key->link,
                   .source = *port.mac,
                   .destination = *neighbour->second.mac,
                   .from = *route->source,
                   .mtu = static_cast<std::uint16_t>(std::min(mtu, std::uint32_t{UINT16_MAX}))};
}

}  // namespace culvert::lbd
