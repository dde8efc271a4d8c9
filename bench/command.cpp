// SPDX-License-Identifier: Apache-2.0
#include "bench/command.hpp"

#include <fmt/core.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace culvert::bench {

int run(CLI::App& app, int argc, char** argv, const std::function<nlohmann::ordered_json()>& measure) {
    std::string file;
    app.add_option("--json", file, "write the figures here too");
    CLI11_PARSE(app, argc, argv);
    try {
        const auto figures = measure();
        if (!file.empty() && !(std::ofstream(file) << figures.dump(2) << std::endl))
            throw std::runtime_error("cannot write " + file);
        return 0;
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}: {}\n", app.get_name(), error.what());
        return 1;
    }
}

}  // namespace culvert::bench
