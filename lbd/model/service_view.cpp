// SPDX-License-Identifier: Apache-2.0
#include "lbd/model/service_view.hpp"

#include <fmt/format.h>

namespace culvert::lbd {

std::string text_of(const Disagreement& one, const std::string& peer) {
    if (one.key.empty())
        return one.there.empty() ? fmt::format("service {} is here, not on {}", one.service, peer)
                                 : fmt::format("service {} is on {}, not here", one.service, peer);
    const std::string about = one.service.empty() ? one.key : fmt::format("service {}: {}", one.service, one.key);
    if (one.there.empty()) return fmt::format("{} {} here, not on {}", about, one.here, peer);
    if (one.here.empty()) return fmt::format("{} {} on {}, not here", about, one.there, peer);
    return fmt::format("{} {} here, {} on {}", about, one.here, one.there, peer);
}

}  // namespace culvert::lbd
