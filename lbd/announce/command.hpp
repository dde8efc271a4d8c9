// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/command/command.hpp"

/// `lbd leave`, `lbd join`, `lbd ready` and `lbd withdraw`
namespace culvert::lbd {

void declare_leave(CLI::App& app, Options& options);
ExitCode leave(const Options& options);
ExitCode join(const Options& options);

void declare_ready(CLI::App& app, Options& options);
ExitCode ready(const Options& options);
ExitCode withdraw(const Options& options);

}  // namespace culvert::lbd
