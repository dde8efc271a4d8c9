// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "netlink/address.hpp"

namespace culvert::realserver {

inline netlink::IpAddress ip(std::string_view text) { return netlink::IpAddress::parse(text).value(); }
inline netlink::Prefix prefix(std::string_view text) { return netlink::Prefix::parse(text).value(); }

}  // namespace culvert::realserver
