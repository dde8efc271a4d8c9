// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "netlink/result.hpp"

namespace culvert::lbd {

/// Says why so many ports run generic XDP.
void log_generic(netlink::Error why, std::size_t ports);

}  // namespace culvert::lbd
