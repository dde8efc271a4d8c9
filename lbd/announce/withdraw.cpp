// SPDX-License-Identifier: Apache-2.0
#include "lbd/announce/withdraw.hpp"

#include <linux/netlink.h>

#include "lbd/announce/files.hpp"

namespace culvert::lbd {

using netlink::Result;

Result<> withdraw(const std::filesystem::path& socket) {
    TRY(const AnnouncePlaces places, read_places(places_file(socket)));
    if (places.empty()) return {};
    TRY(auto route, netlink::Socket::open(NETLINK_ROUTE));
    TRY(const auto present, read_routes(route, places));
    CHECK_OK(make(route, route_edits(present, {})));
    return write_places(places_file(socket), {});
}

Result<> end_announcing(const std::filesystem::path& socket) {
    CHECK_OK(withdraw(socket));
    TRY(const bool left, read_left(left_file(socket)));
    return left ? write_left(left_file(socket), false) : Result<>{};
}

Result<AnnouncedRoutes> announced(const std::filesystem::path& socket) {
    TRY(const AnnouncePlaces places, read_places(places_file(socket)));
    if (places.empty()) return {};
    TRY(auto route, netlink::Socket::open(NETLINK_ROUTE));
    return read_routes(route, places);
}

}  // namespace culvert::lbd
