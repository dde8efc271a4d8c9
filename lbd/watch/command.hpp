// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/command/command.hpp"

/// `lbd watch`
namespace culvert::lbd {

void declare_watch(CLI::App& app, Options& options);
ExitCode watch(const Options& options);

}  // namespace culvert::lbd
