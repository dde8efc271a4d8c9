// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "realserver/command/options.hpp"

namespace CLI {
class App;
}

/// One command of `realserver`, and the function that runs it.
namespace culvert::realserver {

struct Command {
    const char* name;
    const char* help;
    const char* details;
    void (*add_options)(CLI::App& app, Options& options);  ///< options of this command only; may be null
    ExitCode (*run)(const Options& options);
};

extern const std::span<const Command> commands;

/// The whole command line: the description, the commands, and their options.
void declare(CLI::App& app, Options& options);

}  // namespace culvert::realserver
