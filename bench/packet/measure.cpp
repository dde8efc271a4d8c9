// SPDX-License-Identifier: Apache-2.0
#include "bench/packet/measure.hpp"

#include <algorithm>

#include "bench/packet/feeder.hpp"
#include "bench/packet/subject.hpp"

namespace culvert::bench {

namespace {

constexpr std::uint64_t least_packets = 300'000;
constexpr std::uint64_t most_packets = 4'000'000;

/// Sends enough packets that every known flow has more than one, or that the table is full.
void warm_up(Feeder& feeder, const Subject& subject, const Workload& workload) {
    const std::uint64_t packets = workload.traffic == Traffic::known   ? workload.flows
                                  : workload.traffic == Traffic::fresh ? 2 * table_entries(workload)
                                                                       : 0;
    for (int i = 0; i < 2; ++i) feeder.run(subject, std::max<std::uint64_t>(packets, 1000));
}

}  // namespace

Figure figure(std::vector<double> values) {
    std::ranges::sort(values);
    const auto at = [&](std::size_t quarter) { return values[(values.size() - 1) * quarter / 4]; };
    return {at(2), at(1), at(3)};
}

Row measure(const std::string& section, const Workload& workload, bool with_lru, int rounds) {
    Feeder feeder(workload);
    const Subject ours = Subject::load(Subject::Kind::ours, workload);
    const Subject floor = Subject::load(Subject::Kind::floor, workload);
    std::optional<Subject> line, lru;
    if (with_lru) {
        line = Subject::load(Subject::Kind::line, workload);
        lru = Subject::load(Subject::Kind::lru, workload);
    }

    warm_up(feeder, ours, workload);
    if (lru) warm_up(feeder, *lru, workload);
    const std::uint64_t packets = workload.traffic == Traffic::known
                                      ? std::clamp(std::uint64_t{workload.flows}, least_packets, most_packets)
                                      : least_packets;
    std::vector<double> times_ours, times_floor, times_line, times_lru;
    const bool has_floor = workload.inner == netlink::Family::ipv4;
    for (int round = 0; round < rounds; ++round) {
        const double alone = feeder.run_alone(packets);
        times_ours.push_back(feeder.run(ours, packets) - alone);
        if (line) times_line.push_back(feeder.run(*line, packets) - alone);
        if (lru) times_lru.push_back(feeder.run(*lru, packets) - alone);
        if (has_floor) times_floor.push_back(feeder.run(floor, packets) - alone);
    }
    Row row{.section = section, .workload = workload, .ours = figure(times_ours)};
    if (has_floor) row.floor = figure(times_floor);
    if (line) row.line = figure(times_line);
    if (lru) row.lru = figure(times_lru);
    row.verified_instructions = ours.verified_instructions();
    return row;
}

}  // namespace culvert::bench
