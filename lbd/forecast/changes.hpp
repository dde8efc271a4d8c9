// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "lbd/model/config.hpp"

namespace culvert::lbd {

/// One thing that is different in the next configuration.
struct ConfigChange {
    std::string what;    ///< "service web: backend b2: weight"
    std::string before;  ///< the value; empty: there was none
    std::string after;   ///< likewise
    bool operator==(const ConfigChange&) const = default;

    /// "~ service web: backend b2: weight: 1 -> 2", "- service dns: 192.0.2.2 53/udp, 2 backends"
    [[nodiscard]] std::string to_string() const;
};

/// Everything that is different: services first, in the order of the configuration. Values only.
[[nodiscard]] std::vector<ConfigChange> changes_between(const Config& before, const Config& after);

}  // namespace culvert::lbd
