// SPDX-License-Identifier: Apache-2.0
#include "realserver/commands.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include "common/command_line.hpp"
#include "common/log.hpp"
#include "netlink/netns.hpp"
#include "realserver/check/check.hpp"
#include "realserver/check/environment.hpp"
#include "realserver/command/output.hpp"
#include "realserver/config/load.hpp"
#include "realserver/config/reader.hpp"
#include "realserver/desired/decide.hpp"
#include "realserver/host/kernel_host.hpp"
#include "realserver/plan/others.hpp"
#include "realserver/record/lock.hpp"
#include "realserver/render/command.hpp"
#include "realserver/run/apply.hpp"
#include "realserver/run/monitor.hpp"
#include "realserver/show/status.hpp"
#include "realserver/show/traffic.hpp"
#include "realserver/trace/command.hpp"

namespace culvert::realserver {

namespace {

using netlink::NetworkNamespace;
using netlink::Result;

/// How long to wait for another realserver to end.
constexpr std::chrono::seconds patience{10};

/// The host that a command works on, and its record.
struct Place {
    KernelHost host;
    RecordFile record;

    static Result<Place> open(const Options& options) {
        CHECK_OK(enter_namespace(options));
        TRY(const std::uint64_t cookie, NetworkNamespace::current_cookie());
        TRY(KernelHost host, KernelHost::open());
        return Place{std::move(host), RecordFile(record_directory, cookie)};
    }
};

/// Everything that can be known without changing anything.
struct View {
    Desired desired;
    Place place;
    Observed observed;
    Record record;
};

Result<View> look(const Config& config, const Options& options) {
    TRY(Place place, Place::open(options));
    TRY(Observed observed, place.host.observe(config.balancers));
    TRY(const auto recorded, place.record.load());
    Record record = recall(recorded, observed, config);
    Desired desired = decide(config, surroundings(observed, record));
    return View{std::move(desired), std::move(place), std::move(observed), std::move(record)};
}

/// The lock that allows changes to the host. If that takes a while, names the process that holds it.
Result<Lock> lock(const Place& place) {
    TRY(Lock lock, Lock::to_change(record_directory, patience,
                                   [](const std::string& holder) { complain("waiting for " + holder + " to end"); }));
    TRY(const auto monitor, Lock::monitor(place.record.monitor()));
    if (monitor)
        return netlink::failure("change", "this host", EBUSY, *monitor + " monitors it, and would undo the change",
                                "stop that first, or send it SIGHUP to reload its configuration");
    return lock;
}

ExitCode run_plan(const Options& options) {
    auto config = load_config(options.config);
    if (!config) return exit_usage;
    const auto view = look(*config, options);
    if (!view) return fail(view.error());
    const Plan result = plan(view->desired, view->observed, view->record);
    for (const auto& conflict : result.conflicts) complain(conflict.message());
    if (!result.conflicts.empty()) return exit_failed;
    print_left(result.left);
    print(result.changes, result.notes, options, "nothing to change");
    return result.changes.empty() ? exit_done : exit_differs;
}

ExitCode run_apply(const Options& options) {
    if (options.dry_run) return run_plan(options);
    auto config = load_config(options.config);
    if (!config) return exit_usage;
    auto place = Place::open(options);
    if (!place) return fail(place.error());
    if (options.unless_monitored) {
        const auto monitor = Lock::monitor(place->record.monitor());
        if (!monitor) return fail(monitor.error());
        if (*monitor) {
            complain(**monitor + " monitors this host: nothing to do");
            return exit_done;
        }
    }
    const auto locked = lock(*place);
    if (!locked) return fail(locked.error());
    return report(apply(place->host, place->record, *config), options, "nothing to change");
}

ExitCode run_teardown(const Options& options) {
    auto place = Place::open(options);
    if (!place) return fail(place.error());
    const auto locked = lock(*place);
    if (!locked) return fail(locked.error());
    auto config = common::yaml::load(options.config, read_config);
    const auto known = config ? std::optional(*std::move(config)) : std::nullopt;
    const auto outcome = teardown(place->host, place->record, known);
    std::error_code ignored;
    if (outcome) std::filesystem::remove(place->record.monitor(), ignored);
    return report(outcome, options, "nothing to remove");
}

ExitCode run_monitor(const Options& options) {
    auto config = load_config(options.config);
    if (!config) return exit_usage;
    auto place = Place::open(options);
    if (!place) return fail(place.error());
    common::log_to_stderr(options.color);
    auto monitor = Monitor::open(std::move(place->host), std::move(place->record), options.config);
    if (!monitor) return fail(monitor.error());
    const auto ended = monitor->run(*std::move(config));
    return ended ? exit_done : fail(ended.error());
}

ExitCode run_status(const Options& options) {
    auto config = load_config(options.config);
    if (!config) return exit_usage;
    auto view = look(*config, options);
    if (!view) return fail(view.error());
    auto rows = status(view->desired, view->observed, view->record);
    auto tunnels = rooms(view->desired);
    const auto others = other_tunnels(view->desired, view->observed, view->record);
    if (options.family) {
        std::erase_if(rows, [&](const StatusRow& row) { return row.family != options.family; });
        std::erase_if(tunnels, [&](const Room& room) { return room.outer != options.family; });
    }
    for (StatusRow& row : rows) {
        if (row.key.kind == Kind::link) {
            if (const auto received = view->place.host.received(row.key.name)) row.received = *received;
        } else if (row.key.kind == Kind::decap) {
            if (const auto counted = view->place.host.decapsulated(row.key.name)) count(*counted, row);
        }
    }
    const bool colored = common::use_color(options.color, STDOUT_FILENO);
    if (options.brief) {
        fmt::print("{}", to_brief(rows, colored));
        return exit_done;
    }
    const auto tallies = view->place.host.tallies();
    if (!tallies) return fail(tallies.error());
    if (options.json) {
        auto json = to_json(rows);
        if (!options.family) json["guard"] = guard_to_json(view->desired.config.guard, *tallies);
        json["tunnels"] = to_json(tunnels);
        json["others"] = to_json(others);
        print_json(json);
        return exit_done;
    }
    fmt::print("{}", to_table(rows, colored));
    std::vector<std::string> more{to_table(tunnels, colored), to_table(others, colored)};
    if (!options.family) more.push_back(guard_to_table(view->desired.config.guard, *tallies, colored));
    for (const std::string& table : more)
        if (!table.empty()) fmt::print("\n{}", table);
    return exit_done;
}

ExitCode run_check(const Options& options) {
    auto config = load_config(options.config);
    if (!config) return exit_usage;
    const auto view = look(*config, options);
    if (!view) return fail(view.error());
    const auto environment = observe_environment(view->desired, view->observed);
    if (!environment) return fail(environment.error());
    Diagnosis diagnosis = check(view->desired, view->observed, view->record, *environment);
    diagnosis.write_cures_for(options.config == Options{}.config ? "" : options.config, options.netns);
    if (options.json) {
        print_json(to_json(diagnosis));
    } else {
        fmt::print("{}", to_text(diagnosis, common::use_color(options.color, STDOUT_FILENO)));
    }
    return diagnosis.findings.empty() ? exit_done : exit_differs;
}

void add_status_options(CLI::App& app, Options& options) {
    common::add_brief(app, options.brief);
    common::add_family(app, options.family, "VIPs, ports and tunnels");
}

void add_apply_options(CLI::App& app, Options& options) {
    app.add_flag("--dry-run", options.dry_run, "Only show what would change, as plan does");
    app.add_flag("--unless-monitored", options.unless_monitored, "Do nothing if realserver monitor runs");
}

constexpr auto all_commands = std::to_array<Command>({
    {"plan", "Show what apply would change",
     "One line for each change: + adds, ~ changes, - removes. Nothing is changed.\n"
     "Exit status: 0 nothing to change, 3 changes, 1 failed, 2 usage or bad configuration.",
     nullptr, run_plan},
    {"apply", "Make this host a backend",
     "Makes the changes that plan shows, reads them back from the kernel, and prints them. If a change fails, the\n"
     "changes before it are rolled back. Kernel modules stay loaded.\n"
     "Exit status: 0 done, 1 failed, 2 usage or bad configuration; with --dry-run as plan.",
     add_apply_options, run_apply},
    {"status", "Show the desired and the current state, and the packets received and dropped",
     "Exit status: 0 shown, 1 failed, 2 usage or bad configuration.", add_status_options, run_status},
    {"check", "Find what keeps this host from working as a backend",
     "Looks at modules, ports, devices, rp_filter, VIPs, ARP, routes back, MTU, other firewall rules, and services.\n"
     "Each finding has a name, evidence, and a cure. What it could not judge is not_judged. Nothing is changed.\n"
     "Exit status: 0 nothing found, 3 findings, 1 failed, 2 usage or bad configuration.",
     nullptr, run_check},
    {"monitor", "Apply, stay, and repair what others change",
     "Settings that cannot be made yet, as a device, a route or a module is missing, are logged once and made later.\n"
     "SIGHUP reads the configuration again. SIGTERM ends the monitor; all settings stay. For systemd: Type=notify,\n"
     "and WatchdogSec= if wanted.\n"
     "Exit status: 0 ended by a signal, 1 failed, 2 usage or bad configuration.",
     nullptr, run_monitor},
    {"teardown", "Remove what apply made, and only that",
     "Restores the sysctls and devices that apply changed, unless somebody else changed them since. The former values\n"
     "are in /run/culvert/realserver; the configuration is used only if they were lost.\n"
     "Exit status: 0 done, 1 failed, 2 usage.",
     nullptr, run_teardown},
    {"render", "Print a file that makes this host a backend at boot",
     "The file depends only on the configuration. KIND is one of:\n"
     "  systemd              a unit that keeps this host as configured\n"
     "  networkd-dispatcher  a hook that applies the configuration when an interface becomes routable\n"
     "  modules-load         the kernel modules to load at boot\n"
     "  sysctl               the parameters, for systemd-sysctl\n"
     "  firewalld            a policy that lets the balancers' tunnels in\n"
     "  nftables             the table that apply makes\n"
     "Exit status: 0 done, 1 failed, 2 usage or bad configuration.",
     add_render_options, run_render},
    {"trace", "Show packets that the kernel drops on their way in, and why",
     "Shows packets of tunnels and packets for VIPs, each with the kernel's reason, its meaning here, and a cure.\n"
     "Ends at --count, --for or SIGINT. Needs the kernel's BTF.\n"
     "Exit status: 0 ended as asked, 1 failed, 2 usage or bad configuration.",
     add_trace_options, run_trace},
});

void declare_common(CLI::App& app, Options& options) {
    app.add_option("-c,--config", options.config, "The configuration file (default " + options.config + ")")
        ->type_name("FILE");
    app.add_flag("-j,--json", options.json, "Print JSON");
    common::add_netns_and_color(app, options.netns, options.color);
}

}  // namespace

const std::span<const Command> commands = all_commands;

void declare(CLI::App& app, Options& options) {
    app.name("realserver");
    app.description("Makes a host the backend of a direct-server-return load balancer");
    common::declare_commands(app, commands, [&options](CLI::App& at, const Command* command) {
        declare_common(at, options);
        if (command != nullptr && command->add_options != nullptr) command->add_options(at, options);
    });
}

}  // namespace culvert::realserver
