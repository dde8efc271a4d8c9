// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tests/netns/harness/host.hpp"

namespace culvert::netns {

/// From now on these ends of cables leave checksums to the card, as is the kernel's default. See limits_of_veth in the
/// source for what stays off.
void use_default_offloads(const Host& host, const std::vector<std::string>& devices);

/// And this end merges what arrives before anybody sees it, captures included: of two milliseconds, as cards gather it,
/// or little would be there at once.
void merge_arrivals(const Host& host, const std::string& device);

}  // namespace culvert::netns
