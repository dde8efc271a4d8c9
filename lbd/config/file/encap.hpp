// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "common/yaml.hpp"
#include "lbd/model/config.hpp"

namespace culvert::lbd {

/// Reads `{type: gue, port: 5080}`.
[[nodiscard]] std::optional<Encap> read_encap(const common::yaml::Value& value);

}  // namespace culvert::lbd
