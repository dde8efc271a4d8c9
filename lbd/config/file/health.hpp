// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "common/yaml.hpp"
#include "lbd/model/config.hpp"

namespace culvert::lbd {

/// Reads `{type: tcp, interval: 2s}`.
[[nodiscard]] std::optional<HealthCheck> read_health(const common::yaml::Value& value);

}  // namespace culvert::lbd
