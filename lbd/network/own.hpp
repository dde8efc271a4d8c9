// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/model/surroundings.hpp"
#include "lbd/network/next_hop.hpp"

namespace culvert::lbd {

/// MAC addresses of the ports, and of what is stacked on them: VLAN and macvlan devices (VRRP's virtual router has its
/// MAC address on one), the bridge above a port. A bond or a bridge gets frames for its members, too, and a bond's
/// program sees them come by the member.
[[nodiscard]] Own own(const Network& network);

}  // namespace culvert::lbd
