// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>

#include "lbd/render/routing.hpp"
#include "lbd/render/vips.hpp"

namespace culvert::lbd {

/// Of the routers' addresses.
[[nodiscard]] std::set<Family> families_of(const Speaker& speaker);

/// The error if no router has the address family of some VIPs. A session carries the routes of its own family.
[[nodiscard]] std::optional<std::string> missing_router(const Metrics& vips, const Speaker& speaker);

}  // namespace culvert::lbd
