// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "lbd/command/command.hpp"

/// What `lbd COMMAND` does.
namespace culvert::lbd {

struct Command {
    const char* name;
    const char* help;
    void (*declare)(CLI::App& app, Options& options);
    ExitCode (*run)(const Options& options);
};

extern const std::span<const Command> commands;

}  // namespace culvert::lbd
