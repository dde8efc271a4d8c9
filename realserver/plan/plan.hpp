// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "netlink/result.hpp"
#include "realserver/model/desired.hpp"
#include "realserver/model/record.hpp"
#include "realserver/model/state.hpp"

namespace culvert::realserver {

struct Plan {
    std::vector<Change> changes;            ///< in the order in which they are safe to make
    std::vector<netlink::Error> conflicts;  ///< what stands in the way; nothing is to be changed if there is any
    std::vector<std::string> left;          ///< set by apply, changed by somebody since, and so not ours to restore
    std::vector<std::string> notes;         ///< what tunnel devices of others mean to what is wanted
    HostState wanted;                       ///< what there is afterwards, of our business
    bool operator==(const Plan&) const = default;
};

/// Whether a sysctl becomes smaller, or is written anew. Sysctls are raised before others are lowered, so that no
/// device is unprotected in between.
[[nodiscard]] bool lowers(const Change& change);

/// What makes a host as observed the backend that is desired. Modules that are to be loaded are taken to bring their
/// devices.
[[nodiscard]] Plan plan(const Desired& desired, const Observed& observed, const Record& record);

/// What takes away everything that apply made, and nothing else.
[[nodiscard]] Plan plan_teardown(const Observed& observed, const Record& record);

}  // namespace culvert::realserver
