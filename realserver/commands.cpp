// SPDX-License-Identifier: Apache-2.0
#include "realserver/commands.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "netlink/links.hpp"
#include "netlink/netns.hpp"
#include "realserver/apply.hpp"
#include "realserver/config_reader.hpp"
#include "realserver/kernel_host.hpp"
#include "realserver/status.hpp"

namespace culvert::realserver {

namespace {

using common::Color;
using netlink::NetworkNamespace;
using netlink::Result;
using nlohmann::ordered_json;

/// How long to wait for another realserver to end.
constexpr std::chrono::seconds patience{10};

void complain(std::string_view text) { fmt::print(stderr, "realserver: {}\n", text); }

ExitCode fail(const netlink::Error& error) {
    complain(error.message());
    return exit_failed;
}

std::optional<Config> load_config(const std::string& path) {
    auto config = common::yaml::load(path, read_config);
    if (config) return *std::move(config);
    for (const auto& error : config.error()) fmt::print(stderr, "{}\n", error.to_string());
    return std::nullopt;
}

/// The host that a command is about, and what is remembered of it.
struct Place {
    KernelHost host;
    RecordFile record;

    static Result<Place> open(const Options& options) {
        if (!options.netns.empty()) {
            TRY(const NetworkNamespace wanted, NetworkNamespace::open(options.netns));
            CHECK_OK(wanted.enter());
        }
        TRY(const NetworkNamespace here, NetworkNamespace::current());
        TRY(const std::uint64_t cookie, here.cookie());
        TRY(KernelHost host, KernelHost::open());
        return Place{std::move(host), RecordFile(record_directory, cookie)};
    }
};

ordered_json to_json(const std::vector<Change>& changes) {
    auto result = ordered_json::array();
    for (const Change& change : changes) {
        const Key key = change.key();
        ordered_json entry{{"action", change.verb()}, {"kind", name(key.kind)}, {"name", key.name}};
        if (change.before) entry["before"] = value(*change.before);
        if (change.after) entry["after"] = value(*change.after);
        result.push_back(std::move(entry));
    }
    return {{"changes", std::move(result)}};
}

void print_json(const ordered_json& json) {
    fmt::print("{}\n", json.dump(2, ' ', false, ordered_json::error_handler_t::replace));
}

/// `nothing`: what to say if there are none.
void print(const std::vector<Change>& changes, const Options& options, std::string_view nothing) {
    if (options.json) {
        print_json(to_json(changes));
        return;
    }
    if (changes.empty()) fmt::print("{}\n", nothing);
    const bool colored = common::use_color(options.color, STDOUT_FILENO);
    for (const Change& change : changes) {
        const Color color = !change.before ? Color::green : !change.after ? Color::red : Color::yellow;
        fmt::print("{}\n", common::paint(change.to_string(), color, colored));
    }
}

void print_left(const std::vector<std::string>& left) {
    for (const std::string& setting : left) complain("somebody else's now, so left alone: " + setting);
}

ExitCode report(const tl::expected<Report, Failure>& outcome, const Options& options, std::string_view nothing) {
    if (outcome) {
        print_left(outcome->left);
        print(outcome->changes, options, nothing);
        return exit_done;
    }
    const Failure& failure = outcome.error();
    for (const auto& cause : failure.causes) complain(cause.message());
    for (const auto& stuck : failure.stuck) complain("cannot be taken back: " + stuck.message());
    if (!failure.stuck.empty()) {
        complain("some changes stay; when the cause is gone, apply or teardown go on from here");
    } else if (failure.undone > 0) {
        complain(fmt::format("rolled back: the {} change{} made before {} taken back", failure.undone,
                             failure.undone == 1 ? "" : "s", failure.undone == 1 ? "was" : "were"));
    } else {
        complain("nothing was changed");
    }
    return exit_failed;
}

ExitCode run_plan(const Options& options) {
    const auto config = load_config(options.config);
    if (!config) return exit_usage;
    auto place = Place::open(options);
    if (!place) return fail(place.error());
    const auto observed = place->host.observe();
    if (!observed) return fail(observed.error());
    const auto recorded = place->record.load();
    if (!recorded) return fail(recorded.error());
    const Record record = recall(*recorded, *observed, config);
    const Plan result = plan(*config, *observed, record);
    for (const auto& conflict : result.conflicts) complain(conflict.message());
    if (!result.conflicts.empty()) return exit_failed;
    print_left(result.left);
    print(result.changes, options, "nothing to change");
    return result.changes.empty() ? exit_done : exit_differs;
}

ExitCode run_apply(const Options& options) {
    if (options.dry_run) return run_plan(options);
    const auto config = load_config(options.config);
    if (!config) return exit_usage;
    auto place = Place::open(options);
    if (!place) return fail(place.error());
    const auto lock = Lock::acquire(record_directory, patience);
    if (!lock) return fail(lock.error());
    return report(apply(place->host, place->record, *config), options, "nothing to change");
}

ExitCode run_teardown(const Options& options) {
    auto place = Place::open(options);
    if (!place) return fail(place.error());
    const auto lock = Lock::acquire(record_directory, patience);
    if (!lock) return fail(lock.error());
    auto config = common::yaml::load(options.config, read_config);
    const auto known = config ? std::optional(*std::move(config)) : std::nullopt;
    return report(teardown(place->host, place->record, known), options, "nothing to remove");
}

ExitCode run_status(const Options& options) {
    const auto config = load_config(options.config);
    if (!config) return exit_usage;
    auto place = Place::open(options);
    if (!place) return fail(place.error());
    const auto observed = place->host.observe();
    if (!observed) return fail(observed.error());
    const auto recorded = place->record.load();
    if (!recorded) return fail(recorded.error());
    const Record record = recall(*recorded, *observed, config);
    std::map<std::string, Received> received;
    for (const auto& [key, item] : observed->state) {
        if (key.kind != Kind::link) continue;
        const auto counts = place->host.received(key.name);
        if (counts) received.emplace(key.name, *counts);
    }
    const auto rows = status(*config, *observed, record, received);
    if (options.json) {
        print_json(to_json(rows));
    } else {
        fmt::print("{}", to_table(rows, common::use_color(options.color, STDOUT_FILENO)));
    }
    return exit_done;
}

}  // namespace

const std::array<Command, 4> commands{{
    {"plan", "What apply would change",
     "One line a change: + adds, ~ changes, - removes. Nothing is touched.\n"
     "Exit status: 0 nothing to change, 3 there is, 1 failed, 2 usage or bad configuration.",
     false, run_plan},
    {"apply", "Make this host a backend",
     "Makes the changes that plan shows, asks the kernel whether they are made, and prints them. If one fails, those\n"
     "made before it are taken back. Kernel modules stay loaded.\n"
     "Exit status: 0 done, 1 failed, 2 usage or bad configuration; with --dry-run as plan.",
     true, run_apply},
    {"status", "What is wanted, what there is, packets received",
     "Exit status: 0 shown, 1 failed, 2 usage or bad configuration.", false, run_status},
    {"teardown", "Remove what apply made, and only that",
     "Restores the sysctls and devices that apply changed, unless somebody else has changed them since. What there "
     "was\n"
     "before is known from /run/culvert/realserver; the configuration is read only if that was lost.\n"
     "Exit status: 0 done, 1 failed, 2 usage.",
     false, run_teardown},
}};

}  // namespace culvert::realserver
