// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "netlink/link.hpp"
#include "netlink/result.hpp"
#include "netlink/socket.hpp"

namespace culvert::netlink {

/// A link in another network namespace.
struct LinkElsewhere {
    std::int32_t netns = 0;  ///< id of that namespace in this one, as `ip netns list-id` shows it
    Link link;

    bool operator==(const LinkElsewhere&) const = default;
};

/// The links that were made in the namespace of the calling thread and moved to others, and still send and receive
/// through this one: tunnels, veths whose peer is here. `route`: a NETLINK_ROUTE socket of this namespace. Leaves out
/// namespaces that may not be read.
[[nodiscard]] Result<std::vector<LinkElsewhere>> links_elsewhere(Socket& route);

}  // namespace culvert::netlink
