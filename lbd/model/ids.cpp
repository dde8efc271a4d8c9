// SPDX-License-Identifier: Apache-2.0
#include "lbd/model/ids.hpp"

namespace culvert::lbd {

std::optional<std::uint32_t> ServiceIds::current(std::string_view backend) const {
    for (auto it = backends.lower_bound(base); it != backends.end() && in_block(it->first); ++it)
        if (it->second == backend) return it->first;
    return std::nullopt;
}

}  // namespace culvert::lbd
