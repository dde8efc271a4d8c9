// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "common/command_line.hpp"
#include "realserver/commands.hpp"

namespace {

using namespace culvert;
using namespace culvert::realserver;

void add_options(CLI::App& app, Options& options) {
    app.add_option("-c,--config", options.config, "The configuration (default " + options.config + ")")
        ->type_name("FILE");
    app.add_flag("-j,--json", options.json, "Print JSON");
    common::add_netns_and_color(app, options.netns, options.color);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("Makes a host the backend of a direct-server-return load balancer", "realserver");
    app.set_version_flag("--version", "realserver " CULVERT_VERSION);
    app.require_subcommand(1);
    add_options(app, options);
    for (const Command& command : commands) {
        CLI::App& subcommand = *app.add_subcommand(command.name, command.help);
        subcommand.footer(command.details);
        add_options(subcommand, options);
        if (command.add_options != nullptr) command.add_options(subcommand, options);
    }
    if (const auto status = common::parse(app, argc, argv)) return *status;
    for (const Command& command : commands)
        if (app.got_subcommand(command.name)) return command.run(options);
}
