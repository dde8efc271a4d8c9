// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include <tl/expected.hpp>

#include "bpf/abi.h"
#include "lbd/model/service.hpp"
#include "netlink/address.hpp"

namespace culvert::lbd {

/// IEEE 802.1Q.
struct VlanTag {
    std::uint16_t id = 0;             ///< 1 to 4094
    std::uint16_t protocol = 0x8100;  ///< EtherType: 0x8100, or 0x88a8 for an outer one
    auto operator<=>(const VlanTag&) const = default;
};

/// The next hop of frames for a backend.
struct NextHop {
    std::uint32_t ifindex = 0;
    netlink::MacAddress source;             ///< MAC address of the interface
    netlink::MacAddress destination;        ///< MAC address of the backend, or of the router on the way to it
    IpAddress from;                         ///< the balancer's own address: outer source, of the backend's family
    std::vector<VlanTag> tags;              ///< VLAN tags of outgoing frames, the outer one first; at most two
    std::uint16_t mtu = 1500;               ///< of the link or the route, in bytes of the IP packet
    std::optional<std::uint16_t> path_mtu;  ///< the path MTU that routers reported; less than `mtu`
    std::uint16_t identification = 0;       ///< of outer IPv4 headers; lbd recognizes quoted packets by it

    bool operator==(const NextHop&) const = default;

    /// The smallest known MTU on the way to the backend, in bytes of the IP packet.
    [[nodiscard]] std::uint16_t narrowest() const { return path_mtu.value_or(mtu); }
};

/// The least MTU of IPv6 links, below which no IPv6 host goes (RFC 8200, section 5); bytes of the IP packet.
inline constexpr std::uint16_t least_ipv6_mtu = 1280;

/// The next hop of a backend, or the reason why there is none.
using Hop = tl::expected<NextHop, lb_reason>;
using Hops = std::map<IpAddress, Hop>;

}  // namespace culvert::lbd
