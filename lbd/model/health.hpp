// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

/// The health of backends, as plan() uses it. Values only.
namespace culvert::lbd {

struct BackendHealth {
    bool up = true;
    std::uint8_t percent = 100;  ///< percentage of its weight; below 100 during a slow start
    bool operator==(const BackendHealth&) const = default;
};

/// Indexed by service and backend. A backend that is missing here is up.
using Health = std::map<std::pair<std::string, std::string>, BackendHealth>;

[[nodiscard]] inline BackendHealth health_of(const Health& health, const std::string& service,
                                             const std::string& backend) {
    const auto known = health.find({service, backend});
    return known == health.end() ? BackendHealth{} : known->second;
}

}  // namespace culvert::lbd
