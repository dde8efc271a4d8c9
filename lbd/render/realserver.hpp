// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "lbd/model/config.hpp"

/// The configuration of a backend that fits the balancer's.
namespace culvert::lbd {

/// The realserver.yaml of the host with these `addresses`: its VIPs, and the encapsulations that it receives.
/// `balancers` are the addresses that packets come from. The error is a sentence without a full stop: no service has an
/// address, or no balancer has an address in the outer family of a tunnel.
[[nodiscard]] tl::expected<std::string, std::string> render_realserver(const Services& services,
                                                                       const std::vector<IpAddress>& addresses,
                                                                       const std::vector<IpAddress>& balancers);

}  // namespace culvert::lbd
