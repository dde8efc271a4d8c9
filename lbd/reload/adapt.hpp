// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/reload/balancer.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Keeps to interfaces that have come and gone, and to what others do to the programs on them.
[[nodiscard]] netlink::Result<> follow_interfaces(Balancer& balancer);

/// Brings interfaces, program, maps and checks to what the network and the checks say now. What can't be done leaves in
/// force what is, and keeps nothing else from being done: it is the error, and to be tried again.
[[nodiscard]] netlink::Result<> adapt(Balancer& balancer);

}  // namespace culvert::lbd
