// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "realserver/model/desired.hpp"
#include "realserver/model/record.hpp"
#include "realserver/model/state.hpp"

namespace culvert::realserver {

/// Those that are to be made: for encapsulations that have one of their own, and the explicit ones.
[[nodiscard]] std::vector<Device> wanted_devices(const Desired& desired);

/// The settings that make a host as `found` the backend that is desired.
/// `found` counts where a value that is there will do, and for rp_filter: what counts for a device is the larger of its
/// own value and that of "all". Decapsulated packets need 0, so "all" must be 0; where it was not, every other device
/// gets the old value of "all" as its own, so that its protection stays as it was, and "default" hands it to devices
/// that are yet to come.
[[nodiscard]] HostState want(const Desired& desired, const HostState& found, const Record& record);

}  // namespace culvert::realserver
