// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "common/yaml.hpp"
#include "lbd/state.hpp"

/// lbd.yaml: what the file must say, and what its parts must mean together.
namespace culvert::lbd {

/// `file` is the name that errors carry.
[[nodiscard]] common::yaml::Result<Config> parse_config(std::string_view file, std::string_view text);

[[nodiscard]] common::yaml::Result<Config> load_config(const std::string& path);

}  // namespace culvert::lbd
