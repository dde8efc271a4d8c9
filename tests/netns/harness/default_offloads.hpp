// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tests/netns/harness/host.hpp"

namespace culvert::netns {

/// From now on these ends of cables send and receive as the kernel has it by default, as behind virtual cards:
/// checksums are left to the card, and a host's arrivals are merged before captures see them. See limits_of_veth in the
/// source for what stays off.
void use_default_offloads(const Host& host, const std::vector<std::string>& devices);

/// Has an end merge what arrives within two milliseconds, as cards gather it; else little would be there at once.
void wait_to_merge(const Host& host, const std::string& device);

}  // namespace culvert::netns
