// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <nlohmann/json_fwd.hpp>

namespace CLI {
class App;
}

namespace culvert::bench {

/// Reads the command line, measures, and writes the printed figures to --json FILE too. Returns the status to exit
/// with; reports exceptions on stderr.
int run(CLI::App& app, int argc, char** argv, const std::function<nlohmann::ordered_json()>& measure);

}  // namespace culvert::bench
