// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>

#include "netlink/result.hpp"

namespace culvert::netlink {

/// Whether a device does something to packets by itself, and whether it can be told to (`ethtool -k`).
struct Feature {
    bool on = false;
    bool fixed = false;

    bool operator==(const Feature&) const = default;
};

/// By the kernel's names, which ethtool(8) takes: "rx-gro" (net/ethtool/common.c, netdev_features_strings).
using Features = std::map<std::string, Feature>;

/// ENODEV if there is no such device in the calling thread's network namespace.
[[nodiscard]] Result<Features> features(const std::string& device);
/// Those that the device doesn't have are left out. EOPNOTSUPP if one of the others is not so afterwards.
[[nodiscard]] Result<> set_features(const std::string& device, const std::set<std::string>& names, bool on);

}  // namespace culvert::netlink
