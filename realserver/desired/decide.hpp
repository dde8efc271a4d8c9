// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "netlink/result.hpp"
#include "realserver/model/desired.hpp"
#include "realserver/model/state.hpp"

/// What the configuration leaves to the host that it is for. Above all, who unwraps: the kernel's devices, or XDP.
namespace culvert::realserver {

/// What may be unwrapped by either is the kernel's, unless this kernel lacks a module for it.
[[nodiscard]] Desired decide(const Config& config, const Surroundings& around);

/// Nothing, or why there is no device for something that XDP is to unwrap: its device's name is empty then.
[[nodiscard]] std::optional<netlink::Error> undecided(const Desired& desired);

}  // namespace culvert::realserver
