// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "netlink/result.hpp"
#include "realserver/host/host.hpp"
#include "realserver/model/config.hpp"
#include "realserver/record/record_file.hpp"
#include "realserver/run/backoff.hpp"

namespace culvert::realserver {

/// What came of one look at a host that should be as wanted.
struct Repairs {
    struct Failed {
        Change change;
        netlink::Error error;
    };
    std::vector<Change> made;               ///< and found made when the kernel was asked again
    std::vector<Failed> failed;             ///< of what was tried
    std::vector<Change> held;               ///< not due yet
    std::vector<Change> premature;          ///< not made, as a change that must precede them was not
    std::vector<netlink::Error> conflicts;  ///< what stands in the way of something wanted
    std::vector<std::string> notes;         ///< see Plan
    HostState found;                        ///< in the kernel afterwards

    [[nodiscard]] bool in_order() const {
        return failed.empty() && held.empty() && premature.empty() && conflicts.empty();
    }
};

/// Puts right what differs from what is wanted and is due. Other than apply it takes nothing back: each change that can
/// be made is one step closer. Without the table nothing is opened, and no sysctl is lowered before those are raised
/// that protect in its place. The caller holds the Lock. `first`: for the first time with this configuration.
[[nodiscard]] netlink::Result<Repairs> repair(Host& host, const RecordFile& file, const Config& wanted,
                                              Backoff& backoff, Backoff::Time now, bool first);

}  // namespace culvert::realserver
