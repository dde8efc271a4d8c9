// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>

#include <CLI/App.hpp>

#include "common/terminal.hpp"
#include "netlink/address.hpp"

/// Parts of the command line that both programs share.
namespace culvert::common {

/// The command line of a program: its commands and their options. `declare(app, command)` adds the options of a command,
/// and those that may precede the command where `command` is null.
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

/// --netns, --color. They work before and after the command, as in `ip -n NAME link` and `ip link help`.
void add_netns_and_color(CLI::App& app, std::string& netns, ColorMode& color);

/// -b, --brief: excludes --json, which must be added before.
void add_brief(CLI::App& app, bool& brief);

/// -4, -6: shows one family only. `what` names the objects in the help: "services, backends or neighbours".
void add_family(CLI::App& app, std::optional<netlink::Family>& family, const std::string& what);

/// Parses the command line. Returns the status to exit with if nothing else is to be done: 0 after --help or --version,
/// 2 after an error, which it reports on stderr.
[[nodiscard]] std::optional<int> parse(CLI::App& app, int argc, char** argv);

}  // namespace culvert::common
