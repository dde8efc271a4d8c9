// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include <nlohmann/json.hpp>

/// `lbd watch`: what happens in a second.
namespace culvert::lbd {

/// What `lbd show backends` and `lbd show counters` said at one time.
struct Snapshot {
    std::chrono::duration<double> time{};
    nlohmann::ordered_json backends;
    nlohmann::ordered_json counters;
};

/// Keys:
///
///     seconds     between the two
///     services    []: name, packets, bits, new_flows; live_flows; backends []: the same, and state, reachable, health
///                 (where it is checked)
///     dropped     []: reason, packets; only those for which there were some
///     packets, bits, new_flows     of all
///
/// Packets, bits (of clients' IP packets) and new_flows are per second. What is not in `before`, or was counted anew
/// since, has no rate yet: zero.
[[nodiscard]] nlohmann::ordered_json rates(const Snapshot& before, const Snapshot& after);

/// That as tables.
[[nodiscard]] std::string to_table(const nlohmann::ordered_json& rates, bool colored);

}  // namespace culvert::lbd
