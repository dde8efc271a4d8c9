// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include <nlohmann/json.hpp>

/// `lbd watch`: packets, bits and new flows per second.
namespace culvert::lbd {

/// The output of `lbd show backends` and `lbd show counters` at one time.
struct Snapshot {
    std::chrono::duration<double> time{};
    nlohmann::ordered_json backends;
    nlohmann::ordered_json counters;
};

/// Keys:
///
///     seconds     between the two snapshots
///     services    []: name, packets, bits, new_flows; live_flows; backends []: the same, and state, reachable, health
///                 (where it is checked)
///     dropped     []: reason, packets; only reasons with packets
///     packets, bits, new_flows     of all services
///
/// Packets, bits (of clients' IP packets) and new_flows are per second. A backend that is not in `before`, or whose
/// counters were reset since, has rate zero.
[[nodiscard]] nlohmann::ordered_json rates(const Snapshot& before, const Snapshot& after);

/// The rates as tables.
[[nodiscard]] std::string to_table(const nlohmann::ordered_json& rates, bool colored);

}  // namespace culvert::lbd
