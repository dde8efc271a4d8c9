// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "lbd/announce/routes.hpp"
#include "netlink/result.hpp"

/// Announcements without a running lbd. `socket`: the path of its control socket.
namespace culvert::lbd {

/// Removes all routes of lbd's.
[[nodiscard]] netlink::Result<> withdraw(const std::filesystem::path& socket);
/// Likewise, and forgets that the operator has left.
[[nodiscard]] netlink::Result<> end_announcing(const std::filesystem::path& socket);

/// The routes of lbd's in the kernel now.
[[nodiscard]] netlink::Result<AnnouncedRoutes> announced(const std::filesystem::path& socket);

}  // namespace culvert::lbd
