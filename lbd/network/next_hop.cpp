// SPDX-License-Identifier: Apache-2.0
#include "lbd/network/next_hop.hpp"

#include <fmt/core.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <variant>

#include "lbd/model/cure.hpp"

namespace culvert::lbd {
namespace {

bool works(const netlink::Link& link) { return link.is_up() && link.has_carrier() && link.mac; }

/// How frames leave by a link: from VLAN devices down to a port.
struct Exit {
    const netlink::Link* port = nullptr;
    std::vector<VlanTag> tags;  ///< the outer one first
};

std::optional<Exit> exit_by(std::uint32_t index, const Network& network) {
    constexpr std::size_t most_tags = 2;
    Exit exit;
    while (true) {
        const netlink::Link* link = find_link(network, index);
        if (link == nullptr || !works(*link)) return std::nullopt;
        if (network.ports.contains(index)) {
            exit.port = link;
            return exit;
        }
        if (exit.tags.size() == most_tags) return std::nullopt;
        const auto& vlan = std::get<netlink::Vlan>(link->details);
        exit.tags.insert(exit.tags.begin(), {.id = vlan.id, .protocol = vlan.protocol});
        index = link->lower;
    }
}

/// The link-local address of a MAC address (RFC 4291, appendix A).
IpAddress link_local_of(const netlink::MacAddress& mac) {
    const auto& b = mac.bytes;
    const std::array<std::uint8_t, 16> bytes{
        0xfe, 0x80, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(b[0] ^ 2), b[1], b[2], 0xff, 0xfe, b[3], b[4], b[5]};
    return *IpAddress::from_bytes(bytes);
}

/// What the link carries of packets to the backend. IPv6 may have an MTU of its own, from router advertisements
/// (RFC 4861, section 4.6.4) or the administrator.
std::uint32_t mtu_of(const netlink::Link& link, const IpAddress& backend, const Network& network) {
    const auto own = network.ipv6_mtus.find(link.index);
    return backend.is_v4() || own == network.ipv6_mtus.end() ? link.mtu : std::min(own->second, link.mtu);
}

bool leads_on(const netlink::Route& route) { return route.type == RTN_UNICAST && !route.hops.empty(); }

}  // namespace

const netlink::Link* find_link(const Network& network, std::uint32_t index) {
    for (const auto* links : {&network.ports, &network.vlans})
        if (const auto link = links->find(index); link != links->end()) return &link->second;
    return nullptr;
}

std::optional<NeighbourKey> neighbour_on_the_way(const IpAddress& backend, const netlink::Route& route,
                                                 const Network& network) {
    if (!leads_on(route) || !exit_by(route.hops.front().link, network)) return std::nullopt;
    const netlink::NextHop& hop = route.hops.front();
    return NeighbourKey{.link = hop.link, .address = hop.gateway.value_or(backend)};
}

std::string why_unresolved(const NeighbourKey& key, const Network& network) {
    const netlink::Link* link = find_link(network, key.link);
    if (link == nullptr || !link->mac) return {};
    if ((link->flags & IFF_NOARP) != 0)
        return fmt::format("{} has neighbour resolution switched off ({})", link->name,
                           fmt::format(cure_of("neighbours_not_asked"), link->name));
    // Without a packet to send, neighbour solicitations need a link-local source address: ndisc_send_ns() in
    // net/ipv6/ndisc.c.
    if (!key.address.is_v4() && !network.with_link_local.contains(key.link))
        return fmt::format("{} has no link-local address, which IPv6 needs to resolve neighbours ({})", link->name,
                           fmt::format(cure_of("no_link_local"), link_local_of(*link->mac).to_string(), link->name));
    return {};
}

Hop way_out(const IpAddress& backend, const std::optional<netlink::Route>& route, const Network& network) {
    // Without a source address of this host, packets to the backend would look spoofed.
    if (!route || !leads_on(*route) || !route->source) return tl::unexpected(LB_DROP_NO_ROUTE);
    const auto key = neighbour_on_the_way(backend, *route, network);
    if (!key) return tl::unexpected(LB_DROP_NO_INTERFACE);
    const netlink::Link& link = *find_link(network, key->link);
    const auto exit = exit_by(key->link, network);
    const std::uint32_t mtu = route->mtu != 0 ? route->mtu : mtu_of(link, backend, network);
    return NextHop{.ifindex = exit->port->index,
                   .source = *link.mac,
                   .destination = {},
                   .from = *route->source,
                   .tags = exit->tags,
                   .mtu = static_cast<std::uint16_t>(std::min(mtu, std::uint32_t{UINT16_MAX}))};
}

Hop next_hop(const IpAddress& backend, const std::optional<netlink::Route>& route, const Network& network) {
    Hop hop = way_out(backend, route, network);
    if (!hop) return hop;
    const NeighbourKey key = *neighbour_on_the_way(backend, *route, network);
    const auto neighbour = network.neighbours.find(key);
    if (neighbour == network.neighbours.end() || !neighbour->second.is_usable())
        return tl::unexpected(LB_DROP_NO_NEIGHBOUR);
    // Without resolution, the kernel enters the link's own address: arp_constructor() in net/ipv4/arp.c.
    if ((neighbour->second.state & NUD_NOARP) != 0 && neighbour->second.mac == find_link(network, key.link)->mac)
        return tl::unexpected(LB_DROP_NO_NEIGHBOUR);
    hop->destination = *neighbour->second.mac;
    return hop;
}

}  // namespace culvert::lbd
