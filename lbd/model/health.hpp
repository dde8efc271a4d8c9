// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

/// What is known of backends' health, as plan() takes it. Values only.
namespace culvert::lbd {

struct BackendHealth {
    bool up = true;
    std::uint8_t percent = 100;  ///< of its weight that counts: less while it starts slowly
    bool operator==(const BackendHealth&) const = default;
};

/// By service and backend. Who is not here is up.
using Health = std::map<std::pair<std::string, std::string>, BackendHealth>;

[[nodiscard]] inline BackendHealth health_of(const Health& health, const std::string& service,
                                             const std::string& backend) {
    const auto known = health.find({service, backend});
    return known == health.end() ? BackendHealth{} : known->second;
}

}  // namespace culvert::lbd
