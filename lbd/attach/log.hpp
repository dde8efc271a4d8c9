// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "netlink/result.hpp"

namespace culvert::lbd {

/// Logs why this number of ports runs generic XDP.
void log_generic(netlink::Error why, std::size_t ports);

}  // namespace culvert::lbd
