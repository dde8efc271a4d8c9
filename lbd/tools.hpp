// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/commands.hpp"

/// What operators look at packets with.
namespace culvert::lbd {

void declare_explain(CLI::App& app, Options& options);
ExitCode explain(const Options& options);

}  // namespace culvert::lbd
