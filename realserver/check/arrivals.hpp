// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "netlink/result.hpp"
#include "netlink/socket.hpp"
#include "realserver/check/environment.hpp"

namespace culvert::realserver {

/// Asks the kernel what it would do with requests to the VIPs, for each device at which they may arrive, and which
/// neighbours don't answer. Fills `refused` and `silent` of `seen`. Its devices and answers must be known.
[[nodiscard]] netlink::Result<> observe_arrivals(const Desired& desired, const Observed& observed,
                                                 netlink::Socket& route, Environment& seen);

/// The devices at which requests of a family arrive, without a tunnel or after decapsulation.
[[nodiscard]] std::set<std::string> ways_in(const Desired& desired, netlink::Family family);

}  // namespace culvert::realserver
