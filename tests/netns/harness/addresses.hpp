// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tests/netns/harness/host.hpp"

namespace culvert::netns {

/// An IPv6 address of a host.
struct Inet6Address {
    std::string digits;  ///< 32, hexadecimal
    std::string device;
    bool is_tentative = false;  ///< a worker of the kernel has not dealt with it yet, so nobody can bind to it
};

/// All of them, from /proc/net/if_inet6.
[[nodiscard]] std::vector<Inet6Address> inet6_addresses(const Host& host);

}  // namespace culvert::netns
