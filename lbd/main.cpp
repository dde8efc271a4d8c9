// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "common/command_line.hpp"
#include "lbd/commands.hpp"

namespace {

using namespace culvert;
using namespace culvert::lbd;

void add_options(CLI::App& app, Options& options) {
    app.add_option("--socket", options.socket,
                   "The control socket (default /run/culvert/lbd/lbd.sock, with --netns lbd-NAME.sock there)")
        ->type_name("PATH");
    common::add_netns_and_color(app, options.netns, options.color);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("Layer-4 load balancer with direct server return", "lbd");
    app.set_version_flag("--version", "lbd " CULVERT_VERSION);
    app.require_subcommand(1);
    add_options(app, options);
    for (const Command& command : commands) {
        CLI::App& subcommand = *app.add_subcommand(command.name, command.help);
        command.declare(subcommand, options);
        add_options(subcommand, options);
    }
    if (const auto status = common::parse(app, argc, argv)) return *status;
    for (const Command& command : commands)
        if (app.got_subcommand(command.name)) return command.run(options);
}
