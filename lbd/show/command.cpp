// SPDX-License-Identifier: Apache-2.0
#include "lbd/show/command.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdio>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include "common/command_line.hpp"
#include "common/suggest.hpp"
#include "lbd/control/control.hpp"
#include "lbd/show/text.hpp"
#include "lbd/show/view.hpp"

namespace culvert::lbd {

void declare_show(CLI::App& app, Options& options) {
    app.add_option("what", options.what, fmt::format("{} (default {})", fmt::join(view_names(), " | "), options.what))
        ->type_name("");
    app.add_flag("-j,--json", options.json, "Print JSON");
    common::add_brief(app, options.brief);
    common::add_family(app, options.family, "services, backends or neighbours");
}

ExitCode show(const Options& options) {
    const auto wanted = view(options.what);
    if (!wanted) {
        const auto meant = common::suggest(options.what, view_names());
        fmt::print(stderr, "lbd: there is no view \"{}\": {}\n", options.what,
                   meant ? fmt::format("did you mean {}?", *meant)
                         : fmt::format("there are {}", fmt::join(view_names(), ", ")));
        return exit_usage;
    }
    if (options.family && !has_family(*wanted)) return complain(fmt::format("{} have no address family", options.what));
    auto answer = ask(socket_path(options), {{"command", "show"}, {"what", options.what}});
    if (!answer) return fail(answer.error());
    if (options.family) *answer = of_family(*wanted, *answer, *options.family);
    const bool colored = common::use_color(options.color, STDOUT_FILENO);
    if (options.json)
        fmt::print("{}\n", answer->dump(2));
    else
        fmt::print("{}", (options.brief ? to_brief : to_table)(*wanted, *answer, colored));
    return exit_done;
}

}  // namespace culvert::lbd
