// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "common/command_line.hpp"
#include "realserver/commands.hpp"

int main(int argc, char** argv) {
    using namespace culvert;
    using namespace culvert::realserver;
    Options options;
    CLI::App app;
    declare(app, options);
    app.set_version_flag("--version", "realserver " CULVERT_VERSION);
    if (const auto status = common::parse(app, argc, argv)) return *status;
    for (const Command& command : commands)
        if (app.got_subcommand(command.name)) return command.run(options);
}
