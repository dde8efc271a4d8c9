// SPDX-License-Identifier: Apache-2.0
#include "lbd/forecast/command.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <filesystem>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include "lbd/control/control.hpp"
#include "lbd/forecast/json.hpp"

namespace culvert::lbd {

void declare_plan(CLI::App& app, Options& options) {
    app.add_option("-c,--config", options.plan.config, "The configuration file (default: that of the running lbd)")
        ->type_name("FILE");
    app.add_flag("-j,--json", options.json, "Print JSON");
}

ExitCode plan(const Options& options) {
    const std::string& file = options.plan.config;
    const auto answer =
        ask(socket_path(options),
            {{"command", "plan"}, {"config", file.empty() ? file : std::filesystem::absolute(file).string()}});
    if (!answer) return fail(answer.error());
    if (answer->contains("refused")) {
        for (const auto& line : answer->at("refused")) fmt::print(stderr, "{}\n", line.get<std::string>());
        return exit_usage;
    }
    if (options.json)
        fmt::print("{}\n", answer->dump(2));
    else
        fmt::print("{}", forecast_text(*answer, common::use_color(options.color, STDOUT_FILENO)));
    return changes_anything(*answer) ? exit_differs : exit_done;
}

}  // namespace culvert::lbd
