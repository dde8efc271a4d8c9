// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "netlink/address.hpp"

namespace culvert::lbd {

inline netlink::IpAddress address(std::string_view text) { return netlink::IpAddress::parse(text).value(); }

}  // namespace culvert::lbd
