// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "realserver/command/options.hpp"

namespace CLI {
class App;
}

namespace culvert::realserver {

void add_render_options(CLI::App& app, Options& options);
ExitCode run_render(const Options& options);

}  // namespace culvert::realserver
