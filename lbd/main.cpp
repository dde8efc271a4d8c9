// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "common/suggest.hpp"
#include "lbd/commands.hpp"

namespace {

using namespace culvert;
using namespace culvert::lbd;

ExitCode unknown_command(const std::string& word) {
    std::vector<std::string_view> names;
    for (const Command& command : commands) names.emplace_back(command.name);
    if (const auto meant = common::suggest(word, names))
        return complain(fmt::format("unknown command \"{}\": did you mean {}?", word, *meant));
    return complain(fmt::format("unknown command \"{}\": see lbd --help", word));
}

/// They work before the command and behind it, as in `ip -n NAME link` and in `ip link help`.
void add_options(CLI::App& app, Options& options) {
    app.add_option("--netns", options.netns, "Work in this network namespace")->type_name("NAME");
    app.add_option("--socket", options.socket,
                   "The control socket (default /run/culvert/lbd/lbd.sock, with --netns lbd-NAME.sock there)")
        ->type_name("PATH");
    app.add_option("--color", options.color, "When to use colours (default auto)")
        ->type_name("auto|always|never")
        ->transform(
            CLI::CheckedTransformer(std::map<std::string, common::ColorMode>{{"auto", common::ColorMode::automatic},
                                                                             {"always", common::ColorMode::always},
                                                                             {"never", common::ColorMode::never}})
                .description(""));
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

    // As iproute2 has it; to a parser of words it would be -b and -r.
    std::vector<std::string> words(argv + 1, argv + argc);
    std::ranges::replace(words, "-br", "--brief");
    std::ranges::reverse(words);  // as CLI11 takes them
    try {
        app.parse(words);
    } catch (const CLI::Success& success) {  // --help, --version
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        const auto rest = app.remaining();
        if (app.get_subcommands().empty() && !rest.empty() && !rest.front().starts_with('-'))
            return unknown_command(rest.front());
        return complain(error.what());
    }
    for (const Command& command : commands)
        if (app.got_subcommand(command.name)) return command.run(options);
}
