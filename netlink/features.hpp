// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>

#include "netlink/result.hpp"

namespace culvert::netlink {

/// Whether a feature of a device is on, and whether it can be changed (`ethtool -k`).
struct Feature {
    bool on = false;
    bool fixed = false;

    bool operator==(const Feature&) const = default;
};

/// By the kernel's names, which ethtool(8) accepts: "rx-gro" (net/ethtool/common.c, netdev_features_strings).
using Features = std::map<std::string, Feature>;

/// ENODEV if there is no such device in the calling thread's network namespace.
[[nodiscard]] Result<Features> features(const std::string& device);
/// Ignores features that the device doesn't have. EOPNOTSUPP if one of the others is not set afterwards.
[[nodiscard]] Result<> set_features(const std::string& device, const std::set<std::string>& names, bool on);

}  // namespace culvert::netlink
