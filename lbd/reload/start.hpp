// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/reload/balancer.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// For empty maps.
[[nodiscard]] netlink::Result<Build> first_build(const Config& config, Resolver& resolver);

/// From what an lbd before has left, or nothing, to what is configured: packets are balanced from then on.
[[nodiscard]] netlink::Result<> start(Balancer& balancer);
/// The same of health checks.
[[nodiscard]] netlink::Result<> start_checks(Balancer& balancer);
/// Where the configuration says. Without them it balances all the same.
void serve_metrics(Balancer& balancer);

}  // namespace culvert::lbd
