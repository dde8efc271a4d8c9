// SPDX-License-Identifier: Apache-2.0
#include "lbd/commands.hpp"

#include <array>

#include "lbd/capture/command.hpp"
#include "lbd/drain/command.hpp"
#include "lbd/explain/command.hpp"
#include "lbd/lifecycle/command.hpp"
#include "lbd/render/command.hpp"
#include "lbd/show/command.hpp"
#include "lbd/watch/command.hpp"

namespace culvert::lbd {
namespace {

constexpr std::array all{
    Command{"run", "Balance, in the foreground, until SIGTERM or SIGINT", declare_run, run},
    Command{"reload", "Take up the configuration anew; a bad one changes nothing", [](CLI::App&, Options&) {}, reload},
    Command{"drain", "Give a backend no new flows, also after a reload, until undrain", declare_drain, drain},
    Command{"undrain", "Let a backend be as configured again", declare_undrain, undrain},
    Command{"stop", "End the running balancer; packets are still balanced", declare_stop, stop},
    Command{"check", "Check the configuration: file:line:column of what is wrong", declare_config, check},
    Command{"show", "What the running balancer does", declare_show, show},
    Command{"watch", "What passes, each second", declare_watch, watch},
    Command{"capture", "Packets as they come and as they leave, and why", declare_capture, capture},
    Command{"explain", "What would become of a packet, step by step", declare_explain, explain},
    Command{"render", "Print what belongs to the configuration elsewhere", declare_render, render},
};

}  // namespace

const std::span<const Command> commands = all;

}  // namespace culvert::lbd
