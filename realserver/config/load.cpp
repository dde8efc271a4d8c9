// SPDX-License-Identifier: Apache-2.0
#include "realserver/config/load.hpp"

#include <fmt/core.h>

#include <cstdio>
#include <utility>

#include "common/yaml.hpp"
#include "realserver/config/reader.hpp"

namespace culvert::realserver {

std::optional<Config> load_config(const std::string& path) {
    auto config = common::yaml::load(path, read_config);
    if (config) return *std::move(config);
    for (const auto& error : config.error()) fmt::print(stderr, "{}\n", error.to_string());
    return std::nullopt;
}

}  // namespace culvert::realserver
