// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/model/surroundings.hpp"
#include "lbd/network/next_hop.hpp"

namespace culvert::lbd {

/// The MAC addresses of the ports and of devices on them: VLAN and macvlan devices (such as the one with VRRP's virtual
/// MAC address), and a bridge above a port. A bond or a bridge also receives frames for its members. The program of a
/// bond sees such frames arrive at the member.
[[nodiscard]] Own own(const Network& network);

}  // namespace culvert::lbd
