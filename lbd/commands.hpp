// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "lbd/command/command.hpp"

/// What `lbd COMMAND` does.
namespace culvert::lbd {

struct Command {
    const char* name;
    const char* help;
    const char* details;
    void (*declare)(CLI::App& app, Options& options);
    ExitCode (*run)(const Options& options);
};

extern const std::span<const Command> commands;

/// The whole command line: what lbd is, its commands, and what may follow them.
void declare(CLI::App& app, Options& options);

}  // namespace culvert::lbd
