// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "netlink/address.hpp"

namespace culvert::netlink {

inline IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
inline Prefix prefix(const char* text) { return Prefix::parse(text).value(); }
inline MacAddress mac(const char* text) { return MacAddress::parse(text).value(); }

}  // namespace culvert::netlink
