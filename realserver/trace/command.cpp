// SPDX-License-Identifier: Apache-2.0
#include "realserver/trace/command.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>
#include <nlohmann/json.hpp>

#include "common/event_loop.hpp"
#include "netlink/netns.hpp"
#include "realserver/command/output.hpp"
#include "realserver/config/load.hpp"
#include "realserver/host/kernel_host.hpp"
#include "realserver/trace/drop_source.hpp"
#include "realserver/trace/drop_text.hpp"
#include "realserver/trace/guard_counts.hpp"
#include "realserver/trace/xdp_drops.hpp"

namespace culvert::realserver {

namespace {

using common::EventLoop;
using netlink::NetworkNamespace;
using netlink::Result;

/// Local time of day, with microseconds.
std::string now() {
    const auto time = std::chrono::system_clock::now();
    const auto micros =
        std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count() % 1'000'000;
    return fmt::format("{:%H:%M:%S}.{:06}", fmt::localtime(std::chrono::system_clock::to_time_t(time)), micros);
}

void print(const Drop& drop, const Explanation& explanation, const Options& options) {
    if (options.json)
        fmt::print("{}\n", to_json(drop, explanation, now()).dump());
    else
        fmt::print("{}", to_text(drop, explanation, now(), common::use_color(options.color, STDOUT_FILENO)));
    std::fflush(stdout);
}

void print(const XdpDrops& drops, const Options& options) {
    if (options.json)
        fmt::print("{}\n", to_json(drops, now()).dump());
    else
        fmt::print("{}", to_text(drops, now(), common::use_color(options.color, STDOUT_FILENO)));
    std::fflush(stdout);
}

constexpr std::chrono::milliseconds xdp_interval{500};

Result<> trace(const Config& config, const Options& options) {
    TRY(const std::uint64_t cookie, NetworkNamespace::current_cookie());
    TRY(EventLoop loop, EventLoop::open());
    TRY(KernelHost host, KernelHost::open());
    GuardCounts guard([&host] { return host.tallies().value_or(netlink::nft::Tallies{}); });
    std::uint64_t shown = 0;
    const auto show = [&](const Drop& drop) {
        if (!concerns(drop, config) || (options.count != 0 && shown >= options.count)) return;
        std::optional<Reason> caught;
        if (drop.reason == netfilter_drop) caught = guard.take(candidates(drop.packet, config));
        print(drop, explain(drop, config, caught), options);
        if (++shown == options.count) loop.stop();
    };
    TRY(DropSource source, DropSource::open(cookie, config, show));
    TRY(XdpCounts xdp, XdpCounts::open(cookie));
    const auto show_xdp = [&] {
        for (const XdpDrops& drops : xdp.take()) {
            if (options.count != 0 && shown >= options.count) return;
            print(drops, options);
            shown += drops.packets;
            if (options.count != 0 && shown >= options.count) loop.stop();
        }
    };
    TRY(const auto drops, loop.on_io(source.fd(), EPOLLIN, [&](std::uint32_t) { source.consume(); }));
    TRY(const auto interrupt, loop.on_signal(SIGINT, [&] { loop.stop(); }));
    TRY(const auto terminate, loop.on_signal(SIGTERM, [&] { loop.stop(); }));
    TRY(auto end, loop.timer([&] { loop.stop(); }));
    if (options.milliseconds != 0) end.arm(std::chrono::milliseconds(options.milliseconds));
    EventLoop::Source look_at_xdp;
    TRY(look_at_xdp, loop.timer([&] {
        show_xdp();
        look_at_xdp.arm(xdp_interval);
    }));
    look_at_xdp.arm(xdp_interval);
    complain("looking for dropped packets");
    CHECK_OK(loop.run());
    source.consume();
    show_xdp();
    if (source.lost() != 0) complain(fmt::format("{} more drops came too fast to be shown", source.lost()));
    return {};
}

}  // namespace

void add_trace_options(CLI::App& app, Options& options) {
    app.add_option("--count", options.count, "End after this number of packets")
        ->type_name("N")
        ->check(CLI::PositiveNumber);
    app.add_option("--for", options.milliseconds, "End after this time: 500ms, 10s, 5m")
        ->type_name("TIME")
        ->transform(CLI::AsNumberWithUnit(std::map<std::string, std::uint64_t>{{"ms", 1}, {"s", 1'000}, {"m", 60'000}},
                                          CLI::AsNumberWithUnit::UNIT_REQUIRED));
}

ExitCode run_trace(const Options& options) {
    const auto config = load_config(options.config);
    if (!config) return exit_usage;
    if (const auto entered = enter_namespace(options); !entered) return fail(entered.error());
    const auto done = trace(*config, options);
    return done ? exit_done : fail(done.error());
}

}  // namespace culvert::realserver
