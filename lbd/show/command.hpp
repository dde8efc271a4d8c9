// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/command/command.hpp"

/// `lbd show`
namespace culvert::lbd {

void declare_show(CLI::App& app, Options& options);
ExitCode show(const Options& options);

}  // namespace culvert::lbd
