// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/packet/workload.hpp"

namespace culvert::bench {

/// Nanoseconds a packet without the feeder's own time, over the rounds.
struct Figure {
    double median = 0;
    double low = 0;   ///< the first quartile
    double high = 0;  ///< the third
};

[[nodiscard]] Figure figure(std::vector<double> values);

struct Row {
    std::string section;
    Workload workload;
    Figure ours;
    std::optional<Figure> floor;  ///< only for IPv4
    std::optional<Figure> line, lru;
    std::uint32_t verified_instructions = 0;
};

/// All programs take turns in each round, so that disturbances of the machine affect them alike.
[[nodiscard]] Row measure(const std::string& section, const Workload& workload, bool with_lru, int rounds);

}  // namespace culvert::bench
