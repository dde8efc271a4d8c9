// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <cstdio>
#include <optional>
#include <string>

#include "common/yaml.hpp"
#include "lbd/command/options.hpp"
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
/// Nothing if the file is bad: that has been said.
[[nodiscard]] std::optional<Config> load(const Options& options);
/// What was read, or nothing: then the errors have been printed.
template <typename T>
[[nodiscard]] std::optional<T> or_print(common::yaml::Result<T> read) {
    if (read) return *std::move(read);
    for (const auto& error : read.error()) fmt::print(stderr, "{}\n", error.to_string());
    return std::nullopt;
}

}  // namespace culvert::lbd
