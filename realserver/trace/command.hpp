// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "realserver/command/options.hpp"

namespace CLI {
class App;
}

namespace culvert::realserver {

void add_trace_options(CLI::App& app, Options& options);
ExitCode run_trace(const Options& options);

}  // namespace culvert::realserver
