// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/commands.hpp"

/// `lbd reload` and `lbd stop`
namespace culvert::lbd {

ExitCode reload(const Options& options);

void declare_stop(CLI::App& app, Options& options);
ExitCode stop(const Options& options);

}  // namespace culvert::lbd
