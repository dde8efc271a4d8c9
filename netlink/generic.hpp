// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "netlink/result.hpp"
#include "netlink/socket.hpp"

namespace culvert::netlink {

/// The message type of a generic netlink family; `generic` is a NETLINK_GENERIC socket. ENOENT if the kernel has no
/// such family. `operation` and `object` are for the error.
[[nodiscard]] Result<int> generic_family(Socket& generic, std::string_view name, const std::string& operation,
                                         const std::string& object);

}  // namespace culvert::netlink
