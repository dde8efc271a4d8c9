// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <sys/prctl.h>

#include <filesystem>
#include <utility>

#include <CLI/App.hpp>

#include "common/log.hpp"
#include "lbd/daemon/daemon.hpp"
#include "lbd/key/source.hpp"
#include "lbd/lifecycle/command.hpp"

namespace culvert::lbd {
namespace {

void print_summary(const Options& options, const Config& config) {
    fmt::print("{}: in order: {} services, {} backends\n", options.config, config.services.size(),
               config.services.backends());
}

}  // namespace

void declare_run(CLI::App& app, Options& options) {
    declare_config(app, options);
    app.add_option("--state-dir", options.state_directory,
                   "Where lbd keeps the key that it makes if the configuration has no key_file (default " +
                       options.state_directory + ")")
        ->type_name("DIRECTORY");
    app.add_flag("--check", options.check, "Check everything as a start does, and stop before the first packet");
}

ExitCode run(const Options& options) {
    common::log_to_stderr(options.color);
    const auto open = [directory = std::filesystem::absolute(options.state_directory)](OwnKey::Use use) -> OpenSource {
        return [=](const std::string& path) {
            return with_key(open_source(path), {.use = use, .state_directory = directory});
        };
    };
    auto source =
        open(options.check ? OwnKey::Use::look : OwnKey::Use::make)(std::filesystem::absolute(options.config));
    auto config = read_or_print(*source);
    if (!config) return exit_usage;
    if (const auto entered = enter_netns(options); !entered) return fail(entered.error());
    if (options.check) {
        if (const auto tried = Daemon::try_out(*config, socket_path(options)); !tried) return fail(tried.error());
        print_summary(options, *config);
        return exit_done;
    }
    // Scripts that check health must not inherit lbd's capabilities.
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    const auto daemon = Daemon::prepare(*std::move(config), std::move(source), open(OwnKey::Use::look));
    if (!daemon) return fail(daemon.error());
    const auto ran = (*daemon)->run(socket_path(options));
    return ran ? exit_done : fail(ran.error());
}

ExitCode check(const Options& options) {
    common::log_to_stderr(options.color);
    const auto config = read_or_print(*with_key(open_source(options.config), {}));
    if (!config) return exit_usage;
    print_summary(options, *config);
    return exit_done;
}

}  // namespace culvert::lbd
