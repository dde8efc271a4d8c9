// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/yaml.hpp"
#include "lbd/model/config.hpp"

namespace culvert::lbd {

/// A configuration, and the text that it was read from, by which the next one is read quickly.
struct Reading {
    Config config;
    std::string text;
    std::vector<std::size_t> marks;  ///< where in the text the services are: marks_of()
    bool operator==(const Reading&) const = default;
};

/// Reads lbd.yaml. `file` is its name in errors.
[[nodiscard]] common::yaml::Result<Reading> read_config(std::string_view file, std::string text);

}  // namespace culvert::lbd
