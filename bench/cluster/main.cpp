// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "bench/cluster/simulation.hpp"
#include "bench/command.hpp"

namespace culvert::bench::cluster {
namespace {

rusage usage() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage;
}

/// Seconds.
double processor_time() {
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    const rusage used = usage();
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

nlohmann::ordered_json measure(const Options& options) {
    fmt::print(
        "{} balancers, {} connections at once, {} backends, {} hours, seed {}; sharing is a model\n",
        options.balancers, options.connections, options.backends, options.hours, options.seed);
    fmt::print("{:<42} {:>10} {:>8} {:>9} {:>9} {:>9} {:>9} {:>7} {:>6} {:>6}\n", "", "opened", "broken", "", "entries",
               "records/s", "slots/s", "moving", "s", "MiB");
    auto rows = nlohmann::ordered_json::array();
    for (const Scheme scheme : schemes) {
        const double begin = processor_time();
        const Outcome outcome = Simulation(options, scheme).run();
        const double took = processor_time() - begin;
        const auto per_second = [&](std::uint64_t count) { return static_cast<double>(count) / outcome.seconds; };
        fmt::print("{:<42} {:>10} {:>8} {:>8.4f}% {:>9} {:>9.1f} {:>9.1f} {:>6.1f}% {:>6.1f} {:>6}\n", text(scheme),
                   outcome.opened, outcome.broken,
                   100 * static_cast<double>(outcome.broken) / static_cast<double>(outcome.opened), outcome.entries,
                   per_second(outcome.records), per_second(outcome.uses), 100 * outcome.moving, took,
                   usage().ru_maxrss / 1024);
        std::fflush(stdout);
        rows.push_back({{"scheme", text(scheme)},
                        {"opened", outcome.opened},
                        {"packets", outcome.packets},
                        {"broken", outcome.broken},
                        {"lost_with_backend", outcome.lost},
                        {"entries_at_most", outcome.entries},
                        {"records_per_second", per_second(outcome.records)},
                        {"slots_per_second", per_second(outcome.uses)},
                        {"slots_in_transition", outcome.moving},
                        {"took_seconds", took}});
    }
    return {{"balancers", options.balancers},
            {"connections", options.connections},
            {"backends", options.backends},
            {"hours", options.hours},
            {"seed", options.seed},
            {"slots", options.slots},
            {"idle", options.idle},
            {"silence", options.silence},
            {"plain_ecmp", options.plain_ecmp},
            {"skew", options.skew},
            {"delay", options.delay},
            {"schemes", rows}};
}

}  // namespace
}  // namespace culvert::bench::cluster

int main(int argc, char** argv) {
    using culvert::bench::cluster::Options;
    Options options;
    CLI::App app(
        "Simulates balancers behind a router, with lbd's Maglev tables and its plan of slots in transition: which "
        "connections break when backends and balancers come and go, and what has to be remembered.",
        "bench_cluster");
    app.add_option("--balancers", options.balancers, "1 to 64")->check(CLI::Range(1, 64))->capture_default_str();
    app.add_option("--connections", options.connections, "at once, on average")
        ->check(CLI::Range(1, 10'000'000))
        ->capture_default_str();
    app.add_option("--backends", options.backends, "at the beginning")
        ->check(CLI::Range(2, 1000))
        ->capture_default_str();
    app.add_option("--hours", options.hours, "of simulated time")->check(CLI::Range(0.1, 24.0))->capture_default_str();
    app.add_option("--seed", options.seed, "of all that is random")->capture_default_str();
    app.add_option("--slots", options.slots, "of the Maglev table, a prime")
        ->check(CLI::Range(101, 655'373))
        ->capture_default_str();
    app.add_option("--idle", options.idle, "seconds after which an entry is forgotten")
        ->check(CLI::Range(10, 7200))
        ->capture_default_str();
    app.add_option("--silence", options.silence, "longest time between two packets of a connection, in seconds")
        ->check(CLI::Range(1, 3000))
        ->capture_default_str();
    app.add_option("--backend-every", options.backend_every, "seconds after which a backend comes or goes")
        ->check(CLI::Range(1, 86'400))
        ->capture_default_str();
    app.add_option("--balancer-every", options.balancer_every, "likewise a balancer; more than --idle")
        ->check(CLI::Range(11, 86'400))
        ->capture_default_str();
    app.add_option("--skew", options.skew, "seconds within which all balancers hear of a change")
        ->check(CLI::Range(0, 60))
        ->capture_default_str();
    app.add_option("--delay", options.delay, "seconds that shared records take to the others")
        ->check(CLI::Range(0, 60))
        ->capture_default_str();
    app.add_flag("--plain-ecmp", options.plain_ecmp, "the router's hash is not resilient");
    return culvert::bench::run(app, argc, argv, [&] { return culvert::bench::cluster::measure(options); });
}
