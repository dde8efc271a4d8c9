// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/datapath/own_macs.hpp"
#include "lbd/next_hop/next_hop.hpp"

namespace culvert::lbd {

/// Those of the ports, and of what is stacked on them: VLAN and macvlan devices (VRRP's virtual router has its MAC
/// address on one), the bridge above a port. A bond or a bridge gets frames for its members, too, and a bond's program
/// sees them come by the member.
[[nodiscard]] OwnMacs own_macs(const Network& network);

}  // namespace culvert::lbd
