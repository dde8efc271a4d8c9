// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "realserver/check/firewall/firewall.hpp"

namespace culvert::realserver {

/// Whose packets they are: a balancer's, a client's, or this host's.
enum class Leg : std::uint8_t { tunnel, request, answer };

/// With its length only where that says something.
[[nodiscard]] std::string address_name(const netlink::Prefix& prefix);

/// The commands that let packets past what stands in their way.
[[nodiscard]] std::vector<std::string> firewall_cure(const Obstacle& obstacle, Leg leg, const Packets& packets);

}  // namespace culvert::realserver
