// SPDX-License-Identifier: Apache-2.0
#include "lbd/announce/standing.hpp"

#include <cstddef>

namespace culvert::lbd {

Condition standing_of(const Service& service, const std::function<Condition(const Backend&)>& condition_of) {
    const auto count = [&](BackendState state, std::size_t needed) {
        std::size_t up = 0;
        std::size_t unknown = 0;
        for (const Backend& backend : service.backends) {
            if (backend.state != state || backend.weight == 0) continue;
            const Condition condition = condition_of(backend);
            if (condition == Condition::up) ++up;
            if (condition == Condition::unknown) ++unknown;
        }
        return up >= needed ? Condition::up : up + unknown >= needed ? Condition::unknown : Condition::down;
    };
    const Condition active = count(BackendState::active, service.health ? service.health->minimum : 1U);
    if (active == Condition::up) return active;
    const Condition sorry = count(BackendState::sorry, 1);
    if (sorry == Condition::up) return sorry;
    return active == Condition::unknown ? active : sorry;
}

}  // namespace culvert::lbd
