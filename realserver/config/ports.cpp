// SPDX-License-Identifier: Apache-2.0
#include "realserver/config/ports.hpp"

#include <fmt/format.h>

#include "realserver/receive/encapsulation.hpp"

namespace culvert::realserver {

using common::yaml::Value;

void PortClaims::claim(const Value& where, const TunnelEnd& end) {
    for (const Family outer : families_of_port(end)) {
        const auto [first, is_new] =
            claims_.try_emplace({end.port, outer}, where.position().line, claim_of(end, outer));
        const auto& [line, there] = first->second;
        if (is_new || there == claim_of(end, outer)) continue;
        where.fail(fmt::format("line {} uses port {} over {} for something else: choose another port", line, end.port,
                               netlink::name(outer)));
        return;
    }
}

}  // namespace culvert::realserver
