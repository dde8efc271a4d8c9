// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "common/yaml.hpp"
#include "realserver/model/config.hpp"

namespace culvert::realserver {

/// Reads realserver.yaml: `common::yaml::load("/etc/culvert/realserver.yaml", read_config)`.
[[nodiscard]] std::optional<Config> read_config(const common::yaml::Value& file);

}  // namespace culvert::realserver
