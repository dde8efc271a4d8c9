// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "common/yaml.hpp"

namespace culvert::lbd {

/// The offset in bytes of each service's first line in the text, and the offset where the last service ends. Empty
/// unless each service begins with a dash at the start of a line.
[[nodiscard]] std::vector<std::size_t> marks_of(const common::yaml::Node& root, std::string_view text);

}  // namespace culvert::lbd
