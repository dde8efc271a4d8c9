// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "realserver/config/config.hpp"
#include "realserver/trace/drop.hpp"

namespace culvert::realserver {

struct Explanation {
    std::string cause;  ///< empty: the kernel's reason says it all
    std::string cure;   ///< a command where there is one; may be empty
    bool operator==(const Explanation&) const = default;
};

/// What the kernel's reason means on a backend with this configuration. Where a kernel gives none, the function that
/// dropped the packet tells.
[[nodiscard]] Explanation explain(const Drop& drop, const Config& config);

}  // namespace culvert::realserver
