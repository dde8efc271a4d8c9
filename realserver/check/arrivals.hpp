// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "netlink/result.hpp"
#include "netlink/socket.hpp"
#include "realserver/check/environment.hpp"

namespace culvert::realserver {

/// Asks the kernel what it would do with requests to the VIPs, by every device that they come by, and which neighbours
/// are silent: `refused` and `silent` of what is seen, of which the devices and the answers are known.
[[nodiscard]] netlink::Result<> observe_arrivals(const Desired& desired, const Observed& observed,
                                                 netlink::Socket& route, Environment& seen);

/// The devices by which requests of a family come to this host as they are, or out of a tunnel.
[[nodiscard]] std::set<std::string> ways_in(const Desired& desired, netlink::Family family);

}  // namespace culvert::realserver
