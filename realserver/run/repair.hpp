// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "netlink/result.hpp"
#include "realserver/host/host.hpp"
#include "realserver/model/config.hpp"
#include "realserver/record/record_file.hpp"
#include "realserver/run/backoff.hpp"

namespace culvert::realserver {

/// The outcome of one check of a host that should be in its desired state.
struct Repairs {
    struct Failed {
        Change change;
        netlink::Error error;
    };
    std::vector<Change> made;               ///< and confirmed by reading them back from the kernel
    std::vector<Failed> failed;             ///< tried, but refused
    std::vector<Change> held;               ///< not due yet
    std::vector<Change> premature;          ///< skipped, as a change that must precede them was not made
    std::vector<netlink::Error> conflicts;  ///< obstacles to the desired state
    std::vector<std::string> notes;         ///< see Plan
    HostState found;                        ///< the state of the kernel afterwards

    [[nodiscard]] bool in_order() const {
        return failed.empty() && held.empty() && premature.empty() && conflicts.empty();
    }
};

/// Repairs the settings that differ from the desired state and are due. Unlike apply it rolls nothing back: each change
/// that succeeds is a step forward. Without the table it opens nothing, and it lowers no sysctl before those are raised
/// that protect instead. The caller holds the Lock. `first`: the first run with this configuration.
[[nodiscard]] netlink::Result<Repairs> repair(Host& host, const RecordFile& file, const Config& wanted,
                                              Backoff& backoff, Backoff::Time now, bool first);

}  // namespace culvert::realserver
