// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "netlink/result.hpp"
#include "netlink/tunnel.hpp"

namespace culvert::netlink {

/// The inner protocol of the fallback device ip6tnl0, whatever its name, by ioctl: the kernel refuses any change of it
/// over rtnetlink with EINVAL, but takes this one. Both work in the network namespace of the calling thread.
[[nodiscard]] Result<TunnelInner> ip6tnl_mode(const std::string& device);
[[nodiscard]] Result<> set_ip6tnl_mode(const std::string& device, TunnelInner mode);

}  // namespace culvert::netlink
