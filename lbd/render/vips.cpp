// SPDX-License-Identifier: Apache-2.0
#include "lbd/render/vips.hpp"

#include <fmt/core.h>

#include "lbd/model/cure.hpp"

namespace culvert::lbd {

tl::expected<Metrics, std::string> announced_vips(const Config& config) {
    Metrics vips;
    if (config.announce)
        for (const Service& service : config.services)
            if (service.announce.wanted) vips.emplace(service.vip, service.announce.metric);
    if (vips.empty()) return tl::unexpected(fmt::format("nothing is announced: {}", cure_of("nothing_announced")));
    return vips;
}

Metrics of_family(const Metrics& vips, Family family) {
    Metrics some;
    for (const auto& [vip, metric] : vips)
        if (vip.family() == family) some.emplace(vip, metric);
    return some;
}

}  // namespace culvert::lbd
