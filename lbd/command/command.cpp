// SPDX-License-Identifier: Apache-2.0
#include "lbd/command/command.hpp"

#include <CLI/App.hpp>

#include "lbd/config/file/source.hpp"
#include "netlink/netns.hpp"

namespace culvert::lbd {

ExitCode fail(const netlink::Error& error) {
    fmt::print(stderr, "lbd: {}\n", error.message());
    return exit_failed;
}

ExitCode complain(const std::string& text) {
    fmt::print(stderr, "lbd: {}\n", text);
    return exit_usage;
}

std::string socket_path(const Options& options) {
    if (!options.socket.empty()) return options.socket;
    const bool is_name = !options.netns.empty() && options.netns.find('/') == std::string::npos;
    return fmt::format("/run/culvert/lbd/lbd{}{}.sock", is_name ? "-" : "", is_name ? options.netns : "");
}

std::unique_ptr<ConfigSource> open_source(const std::string& config) { return std::make_unique<FileSource>(config); }

std::optional<Config> read_or_print(ConfigSource& source) {
    auto config = source.read();
    if (config) return *std::move(config);
    for (const ConfigError& error : config.error()) fmt::print(stderr, "{}\n", error.to_string());
    return std::nullopt;
}

std::optional<Config> load(const Options& options) { return read_or_print(*open_source(options.config)); }

netlink::Result<> enter_netns(const Options& options) {
    if (options.netns.empty()) return {};
    TRY(const auto netns, netlink::NetworkNamespace::open(options.netns));
    return netns.enter();
}

void declare_config(CLI::App& app, Options& options) {
    app.add_option("-c,--config", options.config, "The configuration file (default " + options.config + ")")
        ->type_name("FILE");
}

void declare_wait(CLI::App& app, Options& options, const std::string& until, const std::string& what_is_left) {
    app.add_flag("--wait", options.wait.wait, "Wait until " + until);
    app.add_option("--for", options.wait.seconds,
                   "Wait at most this long; exit status 1 if " + what_is_left + " (default: no limit)")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.1, 86'400.0));
}

}  // namespace culvert::lbd
