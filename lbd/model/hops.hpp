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

/// Where the frames for a backend go next.
struct NextHop {
    std::uint32_t ifindex = 0;
    netlink::MacAddress source;             ///< of the interface
    netlink::MacAddress destination;        ///< of the backend or of the router before it
    IpAddress from;                         ///< the balancer's own address: outer source, of the backend's family
    std::vector<VlanTag> tags;              ///< of the frames that leave, the outer one first; two at most
    std::uint16_t mtu = 1500;               ///< of the link or the route, bytes of IP packet
    std::optional<std::uint16_t> path_mtu;  ///< what routers have said of the path behind it; less than `mtu`
    std::uint16_t identification = 0;       ///< of outer IPv4 headers, by which they are known again

    bool operator==(const NextHop&) const = default;

    /// What is known to get through to the backend, bytes of IP packet.
    [[nodiscard]] std::uint16_t narrowest() const { return path_mtu.value_or(mtu); }
};

/// What IPv6 asks of every link, and what an IPv6 host never goes below (RFC 8200, section 5); bytes of IP packet.
inline constexpr std::uint16_t least_ipv6_mtu = 1280;

/// The way to a backend, or why there is none.
using Hop = tl::expected<NextHop, lb_reason>;
using Hops = std::map<IpAddress, Hop>;

}  // namespace culvert::lbd
