// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/command/command.hpp"

/// `lbd render`
namespace culvert::lbd {

void declare_render(CLI::App& app, Options& options);
ExitCode render(const Options& options);

}  // namespace culvert::lbd
