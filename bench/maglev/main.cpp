// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "bench/command.hpp"
#include "lbd/plan/maglev.hpp"

namespace culvert::bench {
namespace {

struct Row {
    std::uint32_t backends;
    std::uint32_t entries;  ///< of the table
    bool weighted;          ///< with weights from 1 to 100; otherwise all have the same weight
};

std::vector<lbd::Contender> contenders(const Row& row) {
    std::mt19937 random(1);
    std::vector<lbd::Contender> all;
    for (std::uint32_t i = 0; i < row.backends; ++i)
        all.push_back({.value = static_cast<std::uint16_t>(i),
                       .name = fmt::format("10.1.{}.{}", i / 250, i % 250 + 1),
                       .weight = row.weighted ? static_cast<std::uint32_t>(random() % 100 + 1) : 1});
    return all;
}

/// Milliseconds.
double time_one(const std::vector<lbd::Contender>& all, std::uint32_t entries) {
    const auto begin = std::chrono::steady_clock::now();
    const auto table = lbd::maglev_table(all, entries);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    if (table.size() != entries) throw std::runtime_error("the table is not full");
    return took.count();
}

nlohmann::ordered_json measure(std::size_t rounds) {
    auto json = nlohmann::ordered_json::array();
    fmt::print("{:>9} {:>9} {:>9} {:>24}\n", "backends", "entries", "weights", "ms");
    for (const std::uint32_t backends : {10, 100, 1000})
        for (const std::uint32_t entries : {65'537, 655'373})
            for (const bool weighted : {false, true}) {
                const Row row{backends, entries, weighted};
                const auto all = contenders(row);
                std::vector<double> times;
                for (std::size_t round = 0; round < rounds; ++round) times.push_back(time_one(all, entries));
                std::ranges::sort(times);
                const double median = times[rounds / 2];
                fmt::print("{:>9} {:>9} {:>9} {:>10.1f}  ({:.1f} to {:.1f})\n", backends, entries,
                           weighted ? "1 to 100" : "1", median, times.front(), times.back());
                json.push_back({{"backends", backends},
                                {"entries", entries},
                                {"weighted", weighted},
                                {"ms", {{"median", median}, {"least", times.front()}, {"most", times.back()}}}});
            }
    return json;
}

}  // namespace
}  // namespace culvert::bench

int main(int argc, char** argv) {
    std::size_t rounds = 15;
    CLI::App app("Milliseconds that it takes to make a Maglev table.", "bench_maglev");
    app.add_option("--rounds", rounds, "how often each is made")->check(CLI::Range(1, 1000));
    return culvert::bench::run(app, argc, argv, [&] { return culvert::bench::measure(rounds); });
}
