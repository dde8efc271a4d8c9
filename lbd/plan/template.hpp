// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "bpf/abi.h"
#include "lbd/state.hpp"
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
    netlink::MacAddress source;       ///< of the interface
    netlink::MacAddress destination;  ///< of the backend or of the router before it
    IpAddress from;                   ///< the balancer's own address: outer source, of the backend's family
    std::vector<VlanTag> tags;        ///< of the frames that leave, the outer one first; two at most
    std::uint16_t mtu = 1500;         ///< of the path to the backend, bytes of IP packet

    bool operator==(const NextHop&) const = default;
};

/// What the data plane needs to send packets of family `inner` to `backend`. For L3dsr both families are the same.
[[nodiscard]] lb_dest_body make_body(const Encap& encap, Family inner, const IpAddress& backend, const NextHop& next);

/// For a backend that can't be reached: its packets are dropped and counted under `reason`.
[[nodiscard]] lb_dest_body drop_body(lb_reason reason);

}  // namespace culvert::lbd
