// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "netlink/result.hpp"
#include "realserver/model/desired.hpp"
#include "realserver/model/state.hpp"

/// Decides what depends on the host: above all, whether the kernel or XDP decapsulates.
namespace culvert::realserver {

/// With `via: auto` the kernel decapsulates, unless it lacks a module for it: then XDP.
[[nodiscard]] Desired decide(const Config& config, const Surroundings& around);

/// The error if no device is known for an XDP program (its device name is empty), otherwise nothing.
[[nodiscard]] std::optional<netlink::Error> undecided(const Desired& desired);

}  // namespace culvert::realserver
