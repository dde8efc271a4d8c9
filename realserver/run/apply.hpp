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

/// The changes that were made, and confirmed by reading them back from the kernel.
struct Report {
    std::vector<Change> changes;
    std::vector<std::string> left;   ///< see Plan
    std::vector<std::string> notes;  ///< see Plan
};

struct Failure {
    std::vector<netlink::Error> causes;  ///< not empty
    std::size_t undone = 0;              ///< changes that were rolled back
    std::vector<netlink::Error> stuck;   ///< changes that could not be rolled back
    std::vector<std::string> modules;    ///< modules that were loaded, and stay so
};

/// The record of earlier runs. If it was lost, but marks in the kernel show that there were some, ports and links as
/// configured count as ours: otherwise they would stay open after a teardown.
[[nodiscard]] Record recall(const std::optional<Record>& record, const Observed& observed,
                            const std::optional<Config>& config);

/// The error for a change that was made, but has to be made again.
[[nodiscard]] netlink::Error not_so(const Change& change);

/// Before verification: the changes may themselves have moved the routes to balancers, but were planned with the former.
void keep_ways(const Surroundings& planned, Surroundings& now);

/// Makes this host the desired backend, or leaves it unchanged. The caller holds the Lock.
[[nodiscard]] tl::expected<Report, Failure> apply(Host& host, const RecordFile& file, const Config& wanted);

/// Removes everything that apply made. Uses `config` only if the record was lost. The caller holds the Lock.
[[nodiscard]] tl::expected<Report, Failure> teardown(Host& host, const RecordFile& file,
                                                     const std::optional<Config>& config);

}  // namespace culvert::realserver
