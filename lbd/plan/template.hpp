// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bpf/abi.h"
#include "lbd/model/config.hpp"
#include "netlink/address.hpp"

/// Encapsulation as data: the bytes that go in front of a client's packet for one backend, and where to patch them.
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

/// What the data plane needs to send packets of family `inner` to `backend`. For L3dsr both families are the same.
/// Clients are told what fits inside. IPv6 clients would not heed less than 1280 bytes, so a router's word alone keeps
/// no such packet back: of what it takes for a lie nothing is lost.
[[nodiscard]] lb_dest_body make_body(const Encap& encap, Family inner, const IpAddress& backend, const NextHop& next);

/// The path MTU that there would have to be, if the path has no room for 1280 bytes of a client's IPv6 packet. Such
/// clients can't be helped: they go no lower, and nobody fragments outer packets here, as RFC 2473 section 7.1 would
/// have it.
[[nodiscard]] std::optional<std::uint16_t> lacks_for_ipv6(const Encap& encap, Family inner, const IpAddress& backend,
                                                          const NextHop& next);

/// For a backend that can't be reached: its packets are dropped and counted under `reason`.
[[nodiscard]] lb_dest_body drop_body(lb_reason reason);

}  // namespace culvert::lbd
