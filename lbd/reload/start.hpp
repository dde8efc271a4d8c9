// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/reload/balancer.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// The parameters of a program with empty maps.
[[nodiscard]] netlink::Result<Build> first_build(const Config& config, Resolver& resolver);

/// Brings the configuration into force, from what an earlier lbd left, if anything. Packets are balanced from then on.
[[nodiscard]] netlink::Result<> start(Balancer& balancer);
/// Starts the health checks.
[[nodiscard]] netlink::Result<> start_checks(Balancer& balancer);
/// Serves metrics at the configured address, if there is one. A failure is logged, and lbd goes on.
[[nodiscard]] std::unique_ptr<MetricsServer> serve_metrics(EventLoop& loop, const Config& config,
                                                           const MetricsServer::Text& text);

}  // namespace culvert::lbd
