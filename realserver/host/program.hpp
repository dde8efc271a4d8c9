// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "netlink/result.hpp"

namespace culvert::realserver {

/// The output of a program of the system, run in the calling thread's namespaces. ENOENT if it is not installed. If it
/// fails, the error has its exit status.
[[nodiscard]] netlink::Result<std::string> output_of(const std::vector<std::string>& command);

}  // namespace culvert::realserver
