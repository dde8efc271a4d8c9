// SPDX-License-Identifier: Apache-2.0
#include "lbd/render/speaker.hpp"

#include <fmt/core.h>

namespace culvert::lbd {

std::set<Family> families_of(const Speaker& speaker) {
    std::set<Family> families;
    for (const Router& router : speaker.routers) families.insert(router.address.family());
    return families;
}

std::optional<std::string> missing_router(const Metrics& vips, const Speaker& speaker) {
    const auto families = families_of(speaker);
    for (const auto& [vip, metric] : vips)
        if (!families.contains(vip.family()))
            return fmt::format("VIP {} needs a router with an {} address: --peer {}=65000", vip.to_string(),
                               vip.family() == Family::ipv4 ? "IPv4" : "IPv6",
                               vip.family() == Family::ipv4 ? "10.0.0.1" : "fd00::1");
    return std::nullopt;
}

}  // namespace culvert::lbd
