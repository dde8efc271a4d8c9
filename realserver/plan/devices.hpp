// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "netlink/result.hpp"
#include "realserver/model/desired.hpp"
#include "realserver/model/record.hpp"
#include "realserver/model/state.hpp"

/// The part of a plan about devices that are added and removed, with their settings.
namespace culvert::realserver {

/// The state after the modules are loaded, assuming that they bring their fallback devices with the kernel's defaults.
[[nodiscard]] HostState with_modules(HostState state, const Desired& desired);

/// The plan for our devices that differ from the desired state. They are changed, and keep addresses and routes, if the
/// kernel can do that. Otherwise they are removed and added again.
struct DevicePlan {
    HostState found;                        ///< after the removals, with the settings of new devices
    Record record;                          ///< without the settings of new devices
    std::vector<Change> removals;           ///< of devices, after their settings are reset to those of a new one
    std::vector<netlink::Error> conflicts;  ///< with foreign devices
};

[[nodiscard]] DevicePlan plan_devices(const HostState& found, const std::vector<Device>& wanted,
                                      const Observed& observed, const Record& record);

}  // namespace culvert::realserver
