// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/command/command.hpp"

/// `lbd run`, `lbd check`, `lbd reload` and `lbd stop`
namespace culvert::lbd {

void declare_run(CLI::App& app, Options& options);
ExitCode run(const Options& options);

ExitCode check(const Options& options);
ExitCode reload(const Options& options);

void declare_stop(CLI::App& app, Options& options);
ExitCode stop(const Options& options);

}  // namespace culvert::lbd
