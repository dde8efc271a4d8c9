// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "lbd/model/announce.hpp"
#include "lbd/model/announcement.hpp"
#include "netlink/result.hpp"
#include "netlink/route.hpp"
#include "netlink/socket.hpp"

/// The routes by which VIPs are announced.
namespace culvert::lbd {

/// Where lbd keeps its routes: it owns the blackhole routes with this protocol in this table.
struct AnnouncePlace {
    std::uint32_t table = 0;
    std::uint8_t protocol = 0;
    auto operator<=>(const AnnouncePlace&) const = default;
};
using AnnouncePlaces = std::set<AnnouncePlace>;

[[nodiscard]] inline AnnouncePlace place_of(const Announce& how) { return {how.table, how.protocol}; }

/// What distinguishes one of lbd's routes from the others.
struct AnnouncedRoute {
    Vip vip;
    std::uint32_t metric = 0;
    AnnouncePlace place;
    auto operator<=>(const AnnouncedRoute&) const = default;
};
using AnnouncedRoutes = std::set<AnnouncedRoute>;

/// The routes for announcements that are up.
[[nodiscard]] AnnouncedRoutes routes_for(std::span<const Announcement> announcements, const AnnouncePlace& place);

/// lbd's routes among those in these places.
[[nodiscard]] bool is_ours(const netlink::Route& route, const AnnouncePlaces& places);

[[nodiscard]] netlink::Result<AnnouncedRoutes> read_routes(netlink::Socket& socket, const AnnouncePlaces& places);

struct RouteEdits {
    std::vector<AnnouncedRoute> added;
    std::vector<AnnouncedRoute> removed;
};
[[nodiscard]] RouteEdits route_edits(const AnnouncedRoutes& present, const AnnouncedRoutes& wanted);
/// Adds first, so that a VIP whose metric changes is announced all the time. The first error is returned, and the other
/// edits are made all the same.
[[nodiscard]] netlink::Result<> make(netlink::Socket& socket, const RouteEdits& edits);

}  // namespace culvert::lbd
