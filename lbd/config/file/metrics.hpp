// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "common/yaml.hpp"
#include "lbd/model/config.hpp"

namespace culvert::lbd {

/// Reads `127.0.0.1:9477`, `"[::1]:9477"` or `off`, which is an endpoint that is none.
[[nodiscard]] std::optional<std::optional<Endpoint>> read_metrics(const common::yaml::Value& value);

}  // namespace culvert::lbd
