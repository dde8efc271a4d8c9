// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "common/terminal.hpp"

namespace CLI {
class App;
}

/// What `lbd COMMAND` does.
namespace culvert::lbd {

enum ExitCode : int {
    exit_done = 0,
    exit_failed = 1,
    exit_usage = 2,  ///< usage, or a bad configuration
};

struct Options {
    std::string config = "/etc/culvert/lbd.yaml";
    std::string netns;   ///< name or path; empty: the one we are in
    std::string socket;  ///< empty: the default of the network namespace
    common::ColorMode color = common::ColorMode::automatic;
    std::string what = "services";
    bool json = false;
    bool check = false;
};

struct Command {
    const char* name;
    const char* help;
    void (*declare)(CLI::App& app, Options& options);
    ExitCode (*run)(const Options& options);
};

extern const std::span<const Command> commands;

}  // namespace culvert::lbd
