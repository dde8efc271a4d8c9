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

/// What commands have in common.
namespace culvert::lbd {

enum ExitCode : int {
    exit_done = 0,
    exit_failed = 1,
    exit_usage = 2,  ///< usage, or a bad configuration
};

/// Says on stderr what is wrong.
ExitCode fail(const netlink::Error& error);
/// The same for a command line that makes no sense.
ExitCode complain(const std::string& text);
[[nodiscard]] std::string socket_path(const Options& options);
void declare_config(CLI::App& app, Options& options);
/// Where the options say to work.
[[nodiscard]] netlink::Result<> enter_netns(const Options& options);
/// The source that `config` names: the path of a file.
[[nodiscard]] std::unique_ptr<ConfigSource> open_source(const std::string& config);
/// The configuration in the source, or nothing: then its errors have been printed.
[[nodiscard]] std::optional<Config> read_or_print(ConfigSource& source);
/// The same for the source that the options name.
[[nodiscard]] std::optional<Config> load(const Options& options);

}  // namespace culvert::lbd
