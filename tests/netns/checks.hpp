// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>

#include "tests/netns/lbd_test.hpp"

/// Shared by the tests of health checks.
namespace culvert::netns {

inline const std::string head = "interfaces: [eth0]\nflows: {entries: 64k}\nservices:\n";
inline constexpr const char* often = "interval: 2s, timeout: 2s, rise: 1, fall: 2";

inline bool becomes(const Balancer& lbd, const std::string& name, const std::string& health,
                    const std::string& reason = "") {
    return eventually([&] {
        const auto backend = lbd.backend(name);
        return backend["health"] == health && backend.value("health_reason", "").find(reason) != std::string::npos;
    });
}

/// All backends of all services.
inline bool all_become(const Balancer& lbd, const std::string& health) {
    return eventually([&] {
        const auto backends = lbd.show("backends");
        return std::ranges::all_of(backends, [&](const auto& backend) { return backend["health"] == health; });
    });
}

}  // namespace culvert::netns
