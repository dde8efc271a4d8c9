// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tests/netns/harness/host.hpp"

namespace culvert::netns {

/// From now on these ends of cables leave checksums to the card, as the kernel does by default. limits_of_veth in the
/// source lists what stays off.
void use_default_offloads(const Host& host, const std::vector<std::string>& devices);

/// From now on this end merges arriving packets before anybody sees them, even captures. It collects for two
/// milliseconds, as cards do; otherwise few packets would be there at once.
void merge_arrivals(const Host& host, const std::string& device);

}  // namespace culvert::netns
