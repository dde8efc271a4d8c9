// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "netlink/result.hpp"
#include "realserver/host/host.hpp"
#include "realserver/model/config.hpp"
#include "realserver/plan/plan.hpp"
#include "realserver/record/record_file.hpp"

namespace culvert::realserver {

/// What was done, and found done when the kernel was asked again.
struct Report {
    std::vector<Change> changes;
    std::vector<std::string> left;   ///< see Plan
    std::vector<std::string> notes;  ///< see Plan
};

struct Failure {
    std::vector<netlink::Error> causes;  ///< not empty
    std::size_t undone = 0;              ///< changes that were taken back
    std::vector<netlink::Error> stuck;   ///< what could not be taken back
    std::vector<std::string> modules;    ///< that were loaded, which is for good
};

/// What is known of earlier runs. If `record` was lost while the kernel shows that there were some, ports and devices
/// that are as the configuration wants them are taken to be ours: they must not stay open after a teardown.
[[nodiscard]] Record recall(const std::optional<Record>& record, const Observed& observed,
                            const std::optional<Config>& config);

/// Although made before, the change is still to be made.
[[nodiscard]] netlink::Error not_so(const Change& change);

/// Makes the host the backend that is wanted, or leaves it as it was. The caller holds the Lock.
[[nodiscard]] tl::expected<Report, Failure> apply(Host& host, const RecordFile& file, const Config& wanted);

/// Takes away what apply made. The configuration only matters if the record was lost. The caller holds the Lock.
[[nodiscard]] tl::expected<Report, Failure> teardown(Host& host, const RecordFile& file,
                                                     const std::optional<Config>& config);

}  // namespace culvert::realserver
