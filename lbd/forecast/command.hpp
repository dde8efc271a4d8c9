// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/command/command.hpp"

/// `lbd plan`
namespace culvert::lbd {

void declare_plan(CLI::App& app, Options& options);
ExitCode plan(const Options& options);

}  // namespace culvert::lbd
