// SPDX-License-Identifier: Apache-2.0
#include "lbd/watch/command.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <utility>

#include <CLI/App.hpp>

#include "common/stop_signals.hpp"
#include "lbd/control/control.hpp"
#include "lbd/watch/rates.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;

Result<Snapshot> take_snapshot(const std::string& socket) {
    TRY(auto backends, ask(socket, {{"command", "show"}, {"what", "backends"}}));
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    TRY(auto counters, ask(socket, {{"command", "show"}, {"what", "counters"}}));
    return Snapshot{.time = now, .backends = std::move(backends), .counters = std::move(counters)};
}

}  // namespace

void declare_watch(CLI::App& app, Options& options) {
    app.add_option("--interval", options.watch.interval, "Seconds from one table to the next (default 1)")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.1, 3600.0));
    app.add_option("--count", options.watch.count, "End after this number of tables (default: at SIGINT)")
        ->type_name("N");
    app.add_flag("-j,--json", options.json, "Print JSON, one object per line");
}

ExitCode watch(const Options& options) {
    const common::StopSignals stop;
    const std::string socket = socket_path(options);
    const bool is_terminal = ::isatty(STDOUT_FILENO) == 1 && !options.json;
    const bool colored = common::use_color(options.color, STDOUT_FILENO);
    const std::chrono::duration<double> interval(options.watch.interval);
    auto before = take_snapshot(socket);
    if (!before) return fail(before.error());
    for (std::size_t shown = 0; options.watch.count == 0 || shown < options.watch.count; ++shown) {
        if (stop.within(std::chrono::duration_cast<std::chrono::milliseconds>(interval))) break;
        auto after = take_snapshot(socket);
        if (!after) return fail(after.error());
        const auto seen = rates(*before, *after);
        if (options.json)
            fmt::print("{}\n", seen.dump());
        else
            fmt::print("{}{}", is_terminal ? "\x1b[H\x1b[J" : shown > 0 ? "\n" : "", to_table(seen, colored));
        std::fflush(stdout);
        before = std::move(after);
    }
    return exit_done;
}

}  // namespace culvert::lbd
