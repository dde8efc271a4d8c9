// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/commands.hpp"

/// What operators look at traffic with.
namespace culvert::lbd {

void declare_explain(CLI::App& app, Options& options);
ExitCode explain(const Options& options);

void declare_capture(CLI::App& app, Options& options);
ExitCode capture(const Options& options);

void declare_watch(CLI::App& app, Options& options);
ExitCode watch(const Options& options);

}  // namespace culvert::lbd
