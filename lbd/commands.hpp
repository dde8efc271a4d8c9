// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "lbd/command/command.hpp"

/// The commands of lbd.
namespace culvert::lbd {

struct Command {
    const char* name;
    const char* help;
    const char* details;
    void (*declare)(CLI::App& app, Options& options);
    ExitCode (*run)(const Options& options);
};

extern const std::span<const Command> commands;

/// Declares the command line: description, commands and their options.
void declare(CLI::App& app, Options& options);

}  // namespace culvert::lbd
