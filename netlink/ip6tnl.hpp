// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "netlink/result.hpp"
#include "netlink/tunnel.hpp"

namespace culvert::netlink {

/// Sets the inner protocol of the fallback device ip6tnl0, whatever its name, by ioctl: over rtnetlink the kernel
/// refuses any change of it with EINVAL. Works in the calling thread's network namespace.
[[nodiscard]] Result<> set_ip6tnl_mode(const std::string& device, TunnelInner mode);

}  // namespace culvert::netlink
