// SPDX-License-Identifier: Apache-2.0
#include "realserver/command/output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include <nlohmann/json.hpp>

namespace culvert::realserver {

using common::Color;
using nlohmann::ordered_json;

void complain(std::string_view text) { fmt::print(stderr, "realserver: {}\n", text); }

ExitCode fail(const netlink::Error& error) {
    complain(error.message());
    return exit_failed;
}

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

void print(const std::vector<Change>& changes, const std::vector<std::string>& notes, const Options& options,
           std::string_view nothing) {
    if (options.json) {
        auto json = to_json(changes);
        json["notes"] = notes;
        print_json(json);
        return;
    }
    for (const std::string& note : notes) complain("note: " + note);
    if (changes.empty()) fmt::print("{}\n", nothing);
    const bool colored = common::use_color(options.color, STDOUT_FILENO);
    for (const Change& change : changes) {
        const Color color = !change.before ? Color::green : !change.after ? Color::red : Color::yellow;
        fmt::print("{}\n", common::paint(change.to_string(), color, colored));
    }
}

void print_left(const std::vector<std::string>& left) {
    for (const std::string& setting : left) complain("left alone, as somebody else has changed it: " + setting);
}

ExitCode report(const tl::expected<Report, Failure>& outcome, const Options& options, std::string_view nothing) {
    if (outcome) {
        print_left(outcome->left);
        print(outcome->changes, outcome->notes, options, nothing);
        return exit_done;
    }
    const Failure& failure = outcome.error();
    for (const auto& cause : failure.causes) complain(cause.message());
    for (const auto& stuck : failure.stuck) complain("cannot be rolled back: " + stuck.message());
    if (!failure.stuck.empty()) {
        complain("some changes stay; remove the cause, then run apply or teardown again");
    } else if (failure.undone > 0) {
        complain(
            fmt::format("rolled back the {} change{} made before", failure.undone, failure.undone == 1 ? "" : "s"));
    } else {
        complain("nothing was changed");
    }
    if (!failure.modules.empty()) complain(fmt::format("modules stay loaded: {}", fmt::join(failure.modules, ", ")));
    return exit_failed;
}

}  // namespace culvert::realserver
