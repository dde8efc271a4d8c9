// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/terminal.hpp"
#include "netlink/address.hpp"
#include "netlink/result.hpp"

/// The options of all commands, and their exit codes.
namespace culvert::realserver {

enum ExitCode : int {
    exit_done = 0,  ///< or: everything is in order
    exit_failed = 1,
    exit_usage = 2,    ///< usage, or a bad configuration
    exit_differs = 3,  ///< a difference was found
};

struct Options {
    std::string config = "/etc/culvert/realserver.yaml";
    std::string netns;  ///< name or path; empty: the present one
    common::ColorMode color = common::ColorMode::automatic;
    bool json = false;
    bool brief = false;                     ///< status
    std::optional<netlink::Family> family;  ///< status: the family to show; none: both
    bool dry_run = false;                   ///< apply
    bool unless_monitored = false;          ///< apply
    std::string kind;                       ///< render
    std::string directory;                  ///< render; empty: standard output
    std::uint64_t count = 0;                ///< trace: packets; 0: no end
    std::uint64_t milliseconds = 0;         ///< trace; 0: no end
};

/// Moves to the network namespace that --netns names, if any.
[[nodiscard]] netlink::Result<> enter_namespace(const Options& options);

}  // namespace culvert::realserver
