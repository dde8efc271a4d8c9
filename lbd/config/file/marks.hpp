// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "common/yaml.hpp"

namespace culvert::lbd {

/// Where in the text the line starts that each service begins in, in bytes, and where the last one ends. Empty unless
/// all begin with a dash on a line of their own.
[[nodiscard]] std::vector<std::size_t> marks_of(const common::yaml::Node& root, std::string_view text);

}  // namespace culvert::lbd
