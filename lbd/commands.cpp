// SPDX-License-Identifier: Apache-2.0
#include "lbd/commands.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <set>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include "common/command_line.hpp"
#include "common/log.hpp"
#include "common/suggest.hpp"
#include "lbd/config/file/read.hpp"
#include "lbd/control/control.hpp"
#include "lbd/daemon/daemon.hpp"
#include "lbd/drain/command.hpp"
#include "lbd/lifecycle/command.hpp"
#include "lbd/render/command.hpp"
#include "lbd/show/show.hpp"
#include "lbd/tools.hpp"
#include "netlink/netns.hpp"

namespace culvert::lbd {
ExitCode fail(const netlink::Error& error) {
    fmt::print(stderr, "lbd: {}\n", error.message());
    return exit_failed;
}

ExitCode complain(const std::string& text) {
    fmt::print(stderr, "lbd: {}\n", text);
    return exit_usage;
}

std::string socket_path(const Options& options) {
    if (!options.socket.empty()) return options.socket;
    const bool is_name = !options.netns.empty() && options.netns.find('/') == std::string::npos;
    return fmt::format("/run/culvert/lbd/lbd{}{}.sock", is_name ? "-" : "", is_name ? options.netns : "");
}

namespace {

template <typename T>
std::optional<T> or_print(common::yaml::Result<T> read) {
    if (read) return *std::move(read);
    for (const auto& error : read.error()) fmt::print(stderr, "{}\n", error.to_string());
    return std::nullopt;
}

}  // namespace

std::optional<Config> load(const Options& options) { return or_print(load_config(options.config)); }

netlink::Result<> enter_netns(const Options& options) {
    if (options.netns.empty()) return {};
    TRY(const auto netns, netlink::NetworkNamespace::open(options.netns));
    return netns.enter();
}

void declare_config(CLI::App& app, Options& options) {
    app.add_option("-c,--config", options.config, "The configuration (default " + options.config + ")")
        ->type_name("FILE");
}

namespace {

void print_summary(const Options& options, const Config& config) {
    fmt::print("{}: in order: {} services, {} backends\n", options.config, config.services.size(),
               config.services.backends());
}

void declare_run(CLI::App& app, Options& options) {
    declare_config(app, options);
    app.add_flag("--check", options.check, "Stop before the first packet: also finds what only the kernel can refuse");
}

ExitCode run(const Options& options) {
    auto reading = or_print(load_reading(options.config));
    if (!reading) return exit_usage;
    if (const auto entered = enter_netns(options); !entered) return fail(entered.error());
    common::log_to_stderr(options.color);
    if (options.check) {
        if (const auto tried = Daemon::try_out((*reading)->config); !tried) return fail(tried.error());
        print_summary(options, (*reading)->config);
        return exit_done;
    }
    // What a service has been given is not for the scripts that check health.
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    const auto daemon = Daemon::prepare(*std::move(reading), std::filesystem::absolute(options.config));
    if (!daemon) return fail(daemon.error());
    const auto ran = (*daemon)->run(socket_path(options));
    return ran ? exit_done : fail(ran.error());
}

ExitCode check(const Options& options) {
    const auto config = load(options);
    if (!config) return exit_usage;
    print_summary(options, *config);
    return exit_done;
}

void declare_show(CLI::App& app, Options& options) {
    app.add_option("what", options.what, fmt::format("{} (default {})", fmt::join(view_names(), " | "), options.what))
        ->type_name("");
    app.add_flag("-j,--json", options.json, "As JSON");
    common::add_brief(app, options.brief);
    common::add_family(app, options.family, "services, backends or neighbours");
}

ExitCode show(const Options& options) {
    const auto wanted = view(options.what);
    if (!wanted) {
        const auto meant = common::suggest(options.what, view_names());
        fmt::print(stderr, "lbd: nothing to show called \"{}\": {}\n", options.what,
                   meant ? fmt::format("did you mean {}?", *meant)
                         : fmt::format("there are {}", fmt::join(view_names(), ", ")));
        return exit_usage;
    }
    if (options.family && !has_family(*wanted)) return complain(fmt::format("{} are of no family", options.what));
    auto answer = ask(socket_path(options), {{"command", "show"}, {"what", options.what}});
    if (!answer) return fail(answer.error());
    if (options.family) *answer = of_family(*wanted, *answer, *options.family);
    const bool colored = common::use_color(options.color, STDOUT_FILENO);
    if (options.json)
        fmt::print("{}\n", answer->dump(2));
    else
        fmt::print("{}", (options.brief ? to_brief : to_table)(*wanted, *answer, colored));
    return exit_done;
}

constexpr std::array all{
    Command{"run", "Balance, in the foreground, until SIGTERM or SIGINT", declare_run, run},
    Command{"reload", "Take up the configuration anew; a bad one changes nothing", [](CLI::App&, Options&) {}, reload},
    Command{"drain", "Give a backend no new flows, also after a reload, until undrain", declare_drain, drain},
    Command{"undrain", "Let a backend be as configured again", declare_undrain, undrain},
    Command{"stop", "End the running balancer; packets are still balanced", declare_stop, stop},
    Command{"check", "Check the configuration: file:line:column of what is wrong", declare_config, check},
    Command{"show", "What the running balancer does", declare_show, show},
    Command{"watch", "What passes, each second", declare_watch, watch},
    Command{"capture", "Packets as they come and as they leave, and why", declare_capture, capture},
    Command{"explain", "What would become of a packet, step by step", declare_explain, explain},
    Command{"render", "Print what belongs to the configuration elsewhere", declare_render, render},
};

}  // namespace

const std::span<const Command> commands = all;

}  // namespace culvert::lbd
