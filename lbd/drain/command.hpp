// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/command/command.hpp"

/// `lbd drain` and `lbd undrain`
namespace culvert::lbd {

void declare_drain(CLI::App& app, Options& options);
ExitCode drain(const Options& options);

void declare_undrain(CLI::App& app, Options& options);
ExitCode undrain(const Options& options);

}  // namespace culvert::lbd
