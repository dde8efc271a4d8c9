// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "lbd/command/options.hpp"
#include "lbd/config/source.hpp"
#include "lbd/model/config.hpp"
#include "netlink/result.hpp"

namespace CLI {
class App;
}

/// Functions that all commands share.
namespace culvert::lbd {

enum ExitCode : int {
    exit_done = 0,
    exit_failed = 1,
    exit_usage = 2,    ///< usage, or a bad configuration
    exit_differs = 3,  ///< a reload would change something
};

/// Prints the error on stderr.
ExitCode fail(const netlink::Error& error);
/// Likewise, for an error in the command line.
ExitCode complain(const std::string& text);
[[nodiscard]] std::string socket_path(const Options& options);
void declare_config(CLI::App& app, Options& options);
/// --wait and --for: `until` an end, or a failure if `what_is_left`.
void declare_wait(CLI::App& app, Options& options, const std::string& until, const std::string& what_is_left);
/// Enters the network namespace that the options name, if any.
[[nodiscard]] netlink::Result<> enter_netns(const Options& options);
/// Opens the source that `config` names, which is the path of a file.
[[nodiscard]] std::unique_ptr<ConfigSource> open_source(const std::string& config);
/// Reads the configuration. If it has errors, they are printed, and the result is nothing.
[[nodiscard]] std::optional<Config> read_or_print(ConfigSource& source);
/// Likewise, from the source that the options name.
[[nodiscard]] std::optional<Config> load(const Options& options);

}  // namespace culvert::lbd
