// SPDX-License-Identifier: Apache-2.0
#include "realserver/model/config.hpp"

namespace culvert::realserver {

std::set<Family> families(const std::vector<Prefix>& prefixes) {
    std::set<Family> result;
    for (const Prefix& prefix : prefixes) result.insert(prefix.address.family());
    return result;
}

Via via(const Receive& receive) {
    const auto* end = std::get_if<TunnelEnd>(&receive);
    return end == nullptr ? Via::kernel : end->via;
}

}  // namespace culvert::realserver
