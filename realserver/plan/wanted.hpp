// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "realserver/model/desired.hpp"
#include "realserver/model/record.hpp"
#include "realserver/model/state.hpp"

namespace culvert::realserver {

/// The devices that we add: those of encapsulations with a device of their own, and those of `tunnels`.
[[nodiscard]] std::vector<Device> wanted_devices(const Desired& desired);

/// The settings that make the host the desired backend. A present value in `found` stays if it works. For rp_filter,
/// `found` matters because a device uses the larger value of its own and that of "all". Decapsulated packets need 0, so
/// "all" must be 0. If it was not, every other device gets the former value of "all" as its own, which keeps its
/// protection, and "default" passes it on to future devices.
[[nodiscard]] HostState want(const Desired& desired, const HostState& found, const Record& record);

}  // namespace culvert::realserver
