// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "lbd/model/config.hpp"

/// The balancer's configuration as a backend sees it.
namespace culvert::lbd {

/// The realserver.yaml of the host with these `addresses`: the VIPs that it serves, and what it receives them in.
/// `balancers` are the sources of what it is sent. The error is a sentence without its end: an address that no service
/// has, or a tunnel whose outer family no balancer has an address of.
[[nodiscard]] tl::expected<std::string, std::string> render_realserver(const Services& services,
                                                                       const std::vector<IpAddress>& addresses,
                                                                       const std::vector<IpAddress>& balancers);

}  // namespace culvert::lbd
