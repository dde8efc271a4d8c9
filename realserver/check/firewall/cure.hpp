// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "realserver/check/firewall/firewall.hpp"

namespace culvert::realserver {

/// The packets of a balancer, of a client, or of this host.
enum class Leg : std::uint8_t { tunnel, request, answer };

/// With the prefix length only for networks.
[[nodiscard]] std::string address_name(const netlink::Prefix& prefix);

/// The commands that let packets pass the obstacle.
[[nodiscard]] std::vector<std::string> firewall_cure(const Obstacle& obstacle, Leg leg, const Packets& packets);

}  // namespace culvert::realserver
