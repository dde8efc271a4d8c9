// SPDX-License-Identifier: Apache-2.0
#include "lbd/announce/command.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include "lbd/announce/withdraw.hpp"
#include "lbd/control/control.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;
using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

ExitCode fail_with(const std::string& text) {
    fmt::print(stderr, "lbd: {}\n", text);
    return exit_failed;
}

constexpr auto quiet_for = 2s;  // no packet to a VIP for so long: traffic goes elsewhere
constexpr auto time_between_counts = 200ms;
constexpr auto time_between_questions = 100ms;

/// Packets to VIPs since the start, forwarded or not.
Result<std::uint64_t> packets(const Options& options) {
    TRY(const Json counters, ask(socket_path(options), {{"command", "show"}, {"what", "counters"}}));
    auto sum = counters.at("forwarded").at("packets").get<std::uint64_t>();
    for (const Json& dropped : counters.at("dropped")) sum += dropped.at("packets").get<std::uint64_t>();
    return sum;
}

ExitCode wait_for_quiet(const Options& options) {
    const auto begin = Clock::now();
    const auto deadline = begin + std::chrono::duration<double>(options.wait.seconds);
    auto counted = packets(options);
    if (!counted) return fail(counted.error());
    std::uint64_t last = *counted;
    auto last_change = begin;
    double rate = 0;  // a second, lately
    for (;;) {
        std::this_thread::sleep_for(time_between_counts);
        counted = packets(options);
        if (!counted) return fail(counted.error());
        const auto now = Clock::now();
        if (*counted == last) {
            if (now - last_change >= quiet_for) return exit_done;
        } else {
            rate = static_cast<double>(*counted - last) / std::chrono::duration<double>(now - last_change).count();
            last = *counted;
            last_change = now;
        }
        if (options.wait.seconds > 0 && now >= deadline) {
            fmt::print(stderr, "lbd: packets to VIPs still arrive, {:.0f} a second\n", rate);
            return exit_failed;
        }
    }
}

/// Why it is not ready; empty if it is.
Result<std::string> not_ready(const Options& options) {
    if (options.joined) {
        TRY(const Json cluster, ask(socket_path(options), {{"command", "show"}, {"what", "cluster"}}));
        if (!cluster.value("joined", true) || cluster.value("waiting", 0) != 0)
            return "lbd does not know yet what the other balancers know";
    }
    TRY(const auto routes, announced(socket_path(options)));
    if (!options.joined && options.vips.empty() && routes.empty()) return "no VIP is announced";
    for (const std::string& vip : options.vips)
        if (std::ranges::none_of(routes, [&](const AnnouncedRoute& one) { return one.vip.to_string() == vip; }))
            return fmt::format("{} is not announced", vip);
    return {};
}

}  // namespace

void declare_leave(CLI::App& app, Options& options) {
    declare_wait(app, options, "no packet to a VIP has arrived for two seconds", "packets still arrive");
}

ExitCode leave(const Options& options) {
    const auto left = ask(socket_path(options), {{"command", "leave"}});
    if (!left) return fail(left.error());
    return options.wait.waits() ? wait_for_quiet(options) : exit_done;
}

ExitCode join(const Options& options) {
    const auto joined = ask(socket_path(options), {{"command", "join"}});
    return joined ? exit_done : fail(joined.error());
}

void declare_ready(CLI::App& app, Options& options) {
    app.add_option("vip", options.vips, "These VIPs must be announced (default: any VIP)")->type_name("");
    app.add_flag(
        "--joined", options.joined,
        "lbd must run and know what the other balancers of the cluster know, or wait for them no longer; no VIP "
        "must be announced, unless it is named");
    declare_wait(app, options, "it is so", "it is not");
}

ExitCode ready(const Options& options) {
    if (const auto entered = enter_netns(options); !entered) return fail(entered.error());
    const auto deadline = Clock::now() + std::chrono::duration<double>(options.wait.seconds);
    for (;;) {
        const auto why_not = not_ready(options);
        if (why_not && why_not->empty()) return exit_done;
        if (!options.wait.waits() || (options.wait.seconds > 0 && Clock::now() >= deadline))
            return why_not ? fail_with(*why_not) : fail(why_not.error());
        std::this_thread::sleep_for(time_between_questions);
    }
}

ExitCode withdraw(const Options& options) {
    if (const auto entered = enter_netns(options); !entered) return fail(entered.error());
    const std::string socket = socket_path(options);
    const auto runs = is_listened_at(socket);
    if (!runs) return fail(runs.error());
    if (*runs) return fail_with("lbd runs, and would announce the VIPs again: lbd leave withdraws them");
    const auto withdrawn = lbd::withdraw(std::filesystem::path(socket));
    return withdrawn ? exit_done : fail(withdrawn.error());
}

}  // namespace culvert::lbd
