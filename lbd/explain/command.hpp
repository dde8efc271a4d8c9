// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/command/command.hpp"

/// `lbd explain`
namespace culvert::lbd {

void declare_explain(CLI::App& app, Options& options);
ExitCode explain(const Options& options);

}  // namespace culvert::lbd
