// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "netlink/result.hpp"
#include "realserver/model/config.hpp"
#include "realserver/model/state.hpp"

/// Who unwraps what is received: the kernel's tunnel devices, or XDP.
namespace culvert::realserver {

/// As the configuration says; of L2 and L3DSR, which need no unwrapping, the kernel.
[[nodiscard]] Via via(const Receive& receive);

/// The configuration with every `via` decided: what XDP unwraps is in `decap`, ready to be attached, and no longer in
/// `receive`. What may be either is the kernel's, unless this kernel lacks a module for it.
[[nodiscard]] Config decide(Config config, const Surroundings& around);

/// Nothing, or why there is no device for something that XDP is to unwrap: its device's name is empty then.
[[nodiscard]] std::optional<netlink::Error> undecided(const Config& decided);

}  // namespace culvert::realserver
