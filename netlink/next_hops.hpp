// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "netlink/route.hpp"

namespace culvert::netlink {

/// Next hop objects (`ip nexthop`) by id. Routes may refer to them instead of hops of their own. A group has several
/// hops.
using NextHopObjects = std::map<std::uint32_t, std::vector<NextHop>>;

/// Empty on kernels without them (before 5.3).
[[nodiscard]] Result<NextHopObjects> next_hop_objects(Socket& route);

/// The route of a packet from this host as in its table: with all hops that such packets may use, and without changes
/// by ICMP. Errors are those of Routes::lookup.
[[nodiscard]] Result<Route> whole_route(Socket& route, const Routes::Lookup& packet);

}  // namespace culvert::netlink
