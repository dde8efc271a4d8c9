// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lbd/model/services.hpp"
#include "lbd/network/next_hop.hpp"

/// The log lines about next hops and paths. Values only.
namespace culvert::lbd {

/// Backends whose next hops changed at the same moment and in the same way.
struct WayChange {
    std::vector<IpAddress> backends;  ///< not empty
    Hop hop = tl::unexpected(LB_DROP_NO_ROUTE);
    std::string why;  ///< why the MAC address cannot be resolved, and the cure; often empty

    bool operator==(const WayChange&) const = default;
};

/// The changes, in the order of the first backend of each. Another MTU is no change. `why` is called for backends that
/// are not reachable.
[[nodiscard]] std::vector<WayChange> way_changes(const Hops& before, const Hops& after,
                                                 const std::function<std::string(const IpAddress&)>& why);

/// "backend 10.0.0.3: not reachable: no route to the backend", "1000 backends (10.1.0.1, 10.1.0.2, 10.1.0.3, …): …"
[[nodiscard]] std::string text(const WayChange& change, const Network& network);

/// The path MTU that IPv6 clients need, if the path has no room for their packets of 1280 bytes. No setting helps: IPv6
/// clients send no smaller packets, and the balancer does not fragment outer packets, though RFC 2473, section 7.1,
/// demands it.
[[nodiscard]] std::optional<std::uint16_t> lacks_for_ipv6(const Encap& encap, Family inner, const IpAddress& backend,
                                                          const NextHop& next);

/// A backend whose path has no room for packets that any IPv6 client may send.
struct NarrowPath {
    std::string service;
    std::string backend;      ///< name of the backend
    std::uint16_t mtu = 0;    ///< path MTU, bytes of the IP packet
    std::uint16_t needs = 0;  ///< path MTU that IPv6 clients need

    auto operator<=>(const NarrowPath&) const = default;
};
[[nodiscard]] std::vector<NarrowPath> narrow_paths(const Services& services, const Hops& hops);

/// One line about all of them; empty if there are none.
[[nodiscard]] std::string text(const std::vector<NarrowPath>& paths);

}  // namespace culvert::lbd
