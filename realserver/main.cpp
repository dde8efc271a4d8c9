// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "common/suggest.hpp"
#include "realserver/commands.hpp"

namespace {

using namespace culvert;
using namespace culvert::realserver;

ExitCode complain(const std::string& text) {
    fmt::print(stderr, "realserver: {}\n", text);
    return exit_usage;
}

ExitCode unknown_command(const std::string& word) {
    std::vector<std::string_view> names;
    for (const Command& command : commands) names.emplace_back(command.name);
    if (const auto meant = common::suggest(word, names))
        return complain(fmt::format("unknown command \"{}\": did you mean {}?", word, *meant));
    return complain(fmt::format("unknown command \"{}\": see realserver --help", word));
}

/// They work before the command and behind it, as in `ip -n NAME link` and in `ip link help`.
void add_options(CLI::App& app, Options& options) {
    app.add_option("-c,--config", options.config, "The configuration (default " + options.config + ")")
        ->type_name("FILE");
    app.add_option("--netns", options.netns, "Work in this network namespace")->type_name("NAME");
    app.add_flag("-j,--json", options.json, "Print JSON");
    app.add_option_function<std::string>(
           "--color",
           [&options](const std::string& text) {
               const auto mode = common::color_mode(text);
               if (!mode) throw CLI::ValidationError("--color", "write auto, always or never");
               options.color = *mode;
           },
           "When to use colours (default auto)")
        ->type_name("auto|always|never");
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

    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) {  // --help, --version
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        const auto rest = app.remaining();
        if (app.get_subcommands().empty() && !rest.empty() && !rest.front().starts_with('-'))
            return unknown_command(rest.front());
        if (app.get_subcommands().empty() && rest.empty() && error.get_name() == "RequiredError")
            return complain("which command? See realserver --help");
        return complain(error.what());
    }
    for (const Command& command : commands)
        if (app.got_subcommand(command.name)) return command.run(options);
}
