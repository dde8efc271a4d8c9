// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/found_health.hpp"

#include <cstdint>
#include <utility>

namespace culvert::lbd {

namespace {

/// 0.1.0 has set only the first of these, for backends that are down and whose flows move.
constexpr std::uint8_t down_flags = LB_DEST_LEFT | LB_DEST_DOWN;

}  // namespace

Health found_health(const Services& services, const Image& image) {
    Health health;
    for (const Service& service : services) {
        const auto ids = image.ids.find(service.name);
        if (!service.health || ids == image.ids.end()) continue;
        for (const Backend& backend : service.backends) {
            const auto id = ids->second.current(backend.name);
            const auto dest = id ? image.dests.find(*id) : image.dests.end();
            if (dest != image.dests.end() && (dest->second.flags & down_flags) != 0)
                health.emplace(std::pair(service.name, backend.name), BackendHealth{.up = false});
        }
    }
    return health;
}

}  // namespace culvert::lbd
