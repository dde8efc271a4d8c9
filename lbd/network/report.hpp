// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lbd/model/services.hpp"
#include "lbd/network/next_hop.hpp"

/// What the log says about the ways to backends. Values only.
namespace culvert::lbd {

/// Backends whose way has become the same in the same moment.
struct WayChange {
    std::vector<IpAddress> backends;  ///< not empty
    Hop hop = tl::unexpected(LB_DROP_NO_ROUTE);
    std::string why;  ///< the MAC address can't become known, and the cure; often nothing

    bool operator==(const WayChange&) const = default;
};

/// In the order of the first backend of each. Another MTU is no other way. `why` is asked of those that are not
/// reachable.
[[nodiscard]] std::vector<WayChange> way_changes(const Hops& before, const Hops& after,
                                                 const std::function<std::string(const IpAddress&)>& why);

/// "backend 10.0.0.3: not reachable: no route to the backend", "1000 backends (10.1.0.1, 10.1.0.2, 10.1.0.3, …): …"
[[nodiscard]] std::string text(const WayChange& change, const Network& network);

/// The path MTU that there would have to be, if the path has no room for 1280 bytes of a client's IPv6 packet. Such
/// clients can't be helped: they go no lower, and nobody fragments outer packets here, as RFC 2473 section 7.1 would
/// have it.
[[nodiscard]] std::optional<std::uint16_t> lacks_for_ipv6(const Encap& encap, Family inner, const IpAddress& backend,
                                                          const NextHop& next);

/// A backend whose path has no room for what every IPv6 client may send.
struct NarrowPath {
    std::string service;
    std::string backend;      ///< its name
    std::uint16_t mtu = 0;    ///< of the path, bytes of IP packet
    std::uint16_t needs = 0;  ///< the same, that it would have to have

    auto operator<=>(const NarrowPath&) const = default;
};
[[nodiscard]] std::vector<NarrowPath> narrow_paths(const Services& services, const Hops& hops);

/// All of them in a line; empty if there are none.
[[nodiscard]] std::string text(const std::vector<NarrowPath>& paths);

}  // namespace culvert::lbd
