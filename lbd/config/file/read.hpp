// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/yaml.hpp"
#include "lbd/model/config.hpp"

namespace culvert::lbd {

/// A configuration, and its text, which makes the next reading faster.
struct Reading {
    Config config;
    std::string text;
    std::vector<std::size_t> marks;  ///< offsets of the services in the text: marks_of()
    bool operator==(const Reading&) const = default;
};

/// Reads lbd.yaml. `file` is its name in errors.
[[nodiscard]] common::yaml::Result<Reading> read_config(std::string_view file, std::string text);

}  // namespace culvert::lbd
