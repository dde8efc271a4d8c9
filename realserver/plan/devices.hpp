// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "netlink/result.hpp"
#include "realserver/model/desired.hpp"
#include "realserver/model/record.hpp"
#include "realserver/model/state.hpp"

/// The part of a plan that is about devices that come and go, and so about the settings that come and go with them.
namespace culvert::realserver {

/// The state after modules have been loaded, which are taken to bring their devices, as the kernel makes them.
[[nodiscard]] HostState with_modules(HostState state, const Desired& desired);

/// Devices that are ours and not as wanted are either changed, with their addresses and routes, or removed and made
/// anew, if that is what it takes.
struct DevicePlan {
    HostState found;               ///< once what must go is gone and what is wanted is made; without the latter
    Record record;                 ///< without the settings of devices that are made
    std::vector<Change> removals;  ///< of devices, after they have been set back to what a new one is
    std::vector<netlink::Error> conflicts;  ///< with devices of others
};

[[nodiscard]] DevicePlan plan_devices(const HostState& found, const std::vector<Device>& wanted,
                                      const Observed& observed, const Record& record);

}  // namespace culvert::realserver
