// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>

#include <CLI/App.hpp>

#include "common/terminal.hpp"
#include "netlink/address.hpp"

/// What the command lines of both programs have in common.
namespace culvert::common {

/// The whole command line of a program: what it is, its commands, and what may follow them. `declare(app, command)`
/// declares the options of a command, and those that may stand before it where `command` is null.
template <typename Command, typename Declare>
void declare_commands(CLI::App& app, std::span<const Command> commands, const Declare& declare) {
    app.require_subcommand(1);
    declare(app, static_cast<const Command*>(nullptr));
    for (const Command& command : commands) {
        CLI::App& subcommand = *app.add_subcommand(command.name, command.help);
        subcommand.footer(command.details);
        declare(subcommand, &command);
    }
}

/// --netns, --color. They work before the command and behind it, as in `ip -n NAME link` and in `ip link help`.
void add_netns_and_color(CLI::App& app, std::string& netns, ColorMode& color);

/// -b, --brief: not together with --json, which has to be there before.
void add_brief(CLI::App& app, bool& brief);

/// -4, -6: to show only what is of that family. `what` of it there is: "services, backends or neighbours".
void add_family(CLI::App& app, std::optional<netlink::Family>& family, const std::string& what);

/// Sets what the words of the command line say. If that is all there is to do, the status to exit with: 0 after --help
/// or --version, 2 if the words make no sense, which is then said on stderr.
[[nodiscard]] std::optional<int> parse(CLI::App& app, int argc, char** argv);

}  // namespace culvert::common
