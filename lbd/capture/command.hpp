// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/command/command.hpp"

/// `lbd capture`
namespace culvert::lbd {

void declare_capture(CLI::App& app, Options& options);
ExitCode capture(const Options& options);

}  // namespace culvert::lbd
