// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "realserver/command/options.hpp"

namespace CLI {
class App;
}

/// What `realserver COMMAND` does.
namespace culvert::realserver {

struct Command {
    const char* name;
    const char* help;
    const char* details;
    void (*add_options)(CLI::App& app, Options& options);  ///< those that only this command has; may be null
    ExitCode (*run)(const Options& options);
};

extern const std::span<const Command> commands;

/// The whole command line: what realserver is, its commands, and what may follow them.
void declare(CLI::App& app, Options& options);

}  // namespace culvert::realserver
