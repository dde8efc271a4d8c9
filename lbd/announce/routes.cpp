// SPDX-License-Identifier: Apache-2.0
#include "lbd/announce/routes.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

namespace culvert::lbd {
namespace {

using netlink::Result;

netlink::Route route_of(const AnnouncedRoute& one) {
    return {.destination = one.vip.prefix,
            .hops = {},
            .source = {},
            .table = one.place.table,
            .type = RTN_BLACKHOLE,
            .protocol = one.place.protocol,
            .metric = one.metric};
}

constexpr std::size_t requests_at_once = 100;

Result<> request(netlink::Socket& socket, const std::vector<AnnouncedRoute>& routes,
                 netlink::Request (*request_for)(const netlink::Route&), int done_already = 0) {
    Result<> outcome;
    for (std::size_t at = 0; at < routes.size(); at += requests_at_once) {
        std::vector<netlink::Request> requests;
        for (std::size_t i = at; i < std::min(routes.size(), at + requests_at_once); ++i)
            requests.push_back(request_for(route_of(routes[i])));
        for (auto& result : socket.request(std::move(requests)))
            if (!result && result.error().code != done_already && outcome) outcome = std::move(result);
    }
    return outcome;
}

}  // namespace

AnnouncedRoutes routes_for(std::span<const Announcement> announcements, const AnnouncePlace& place) {
    AnnouncedRoutes routes;
    for (const Announcement& one : announcements)
        if (one.state == AnnounceState::up) routes.insert({one.vip, one.metric, place});
    return routes;
}

bool is_ours(const netlink::Route& route, const AnnouncePlaces& places) {
    return route.type == RTN_BLACKHOLE && places.contains({route.table, route.protocol});
}

Result<AnnouncedRoutes> read_routes(netlink::Socket& socket, const AnnouncePlaces& places) {
    AnnouncedRoutes found;
    for (const AnnouncePlace& place : places)
        for (const Family family : {Family::ipv4, Family::ipv6}) {
            // The kernel selects, as the main table of a router may be long.
            TRY(const auto routes,
                netlink::Routes(socket).dump(
                    {.family = family, .table = place.table, .protocol = place.protocol, .type = RTN_BLACKHOLE}));
            for (const netlink::Route& route : routes)
                if (is_ours(route, places))
                    found.insert({Vip(route.destination), route.metric, {route.table, route.protocol}});
        }
    return found;
}

RouteEdits route_edits(const AnnouncedRoutes& present, const AnnouncedRoutes& wanted) {
    RouteEdits edits;
    std::ranges::set_difference(wanted, present, std::back_inserter(edits.added));
    std::ranges::set_difference(present, wanted, std::back_inserter(edits.removed));
    return edits;
}

Result<> make(netlink::Socket& socket, const RouteEdits& edits) {
    auto added = request(socket, edits.added, netlink::Routes::addition);
    auto removed = request(socket, edits.removed, netlink::Routes::removal, ESRCH);
    return added ? removed : added;
}

}  // namespace culvert::lbd
