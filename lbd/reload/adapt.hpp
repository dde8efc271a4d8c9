// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/reload/balancer.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Follows interfaces that come and go, and repairs what others did to the programs on them.
[[nodiscard]] netlink::Result<> follow_interfaces(Balancer& balancer);

/// Adapts interfaces, program, maps and checks to the present state of the network and of health. If a part fails, it
/// stays as it was, the other parts are still adapted, and the error is returned; the caller is to try again.
[[nodiscard]] netlink::Result<> adapt(Balancer& balancer);

}  // namespace culvert::lbd
