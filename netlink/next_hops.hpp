// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "netlink/route.hpp"

namespace culvert::netlink {

/// Next hop objects (`ip nexthop`), which routes may refer to in place of hops of their own: hops by id, of which a
/// group has several.
using NextHopObjects = std::map<std::uint32_t, std::vector<NextHop>>;

/// None on kernels without them (before 5.3).
[[nodiscard]] Result<NextHopObjects> next_hop_objects(Socket& route);

/// The route of a packet of this host as it stands in its table: with every hop that such packets may take, and nothing
/// that ICMP has told of its destination. Errors are those of Routes::lookup.
[[nodiscard]] Result<Route> whole_route(Socket& route, const Routes::Lookup& packet);

}  // namespace culvert::netlink
