// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "netlink/result.hpp"
#include "realserver/model/desired.hpp"
#include "realserver/model/record.hpp"
#include "realserver/model/state.hpp"

namespace culvert::realserver {

struct Plan {
    std::vector<Change> changes;            ///< in a safe order
    std::vector<netlink::Error> conflicts;  ///< obstacles; nothing may be changed if there are any
    std::vector<std::string> left;          ///< made by apply, changed by somebody since: teardown leaves them alone
    std::vector<std::string> notes;         ///< effects of foreign tunnel devices
    HostState wanted;                       ///< the state after the changes, as far as we set it
    bool operator==(const Plan&) const = default;
};

/// Whether a sysctl becomes smaller or keeps its value. Sysctls are raised before others are lowered, so that no device
/// is unprotected in between.
[[nodiscard]] bool lowers(const Change& change);

/// The changes that lead from the observed host to the desired backend. Assumes that the modules to load bring their
/// fallback devices.
[[nodiscard]] Plan plan(const Desired& desired, const Observed& observed, const Record& record);

/// The changes that remove everything that apply made, and nothing else.
[[nodiscard]] Plan plan_teardown(const Observed& observed, const Record& record);

}  // namespace culvert::realserver
