// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "netlink/result.hpp"

namespace culvert::realserver {

/// What a program of the system prints, run in the calling thread's namespaces. ENOENT if it is not installed; if it
/// fails, the error has what it said.
[[nodiscard]] netlink::Result<std::string> output_of(const std::vector<std::string>& command);

}  // namespace culvert::realserver
