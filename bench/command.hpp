// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <nlohmann/json_fwd.hpp>

namespace CLI {
class App;
}

namespace culvert::bench {

/// Reads the command line, measures, and writes the figures, which have been printed, to --json FILE too. The status to
/// exit with; what was thrown is said on stderr.
int run(CLI::App& app, int argc, char** argv, const std::function<nlohmann::ordered_json()>& measure);

}  // namespace culvert::bench
