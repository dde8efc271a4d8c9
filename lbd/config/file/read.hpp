// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/yaml.hpp"
#include "lbd/model/config.hpp"

/// lbd.yaml: what the file must say, and what its parts must mean together.
namespace culvert::lbd {

/// `file` is the name that errors carry.
[[nodiscard]] common::yaml::Result<Config> parse_config(std::string_view file, std::string_view text);

[[nodiscard]] common::yaml::Result<Config> load_config(const std::string& path);

/// A configuration, and from what it was read: that makes the next one quick to read.
struct Reading {
    Config config;
    std::string text;
    std::vector<std::size_t> marks;  ///< where in the text the services are: marks_of()
    bool operator==(const Reading&) const = default;
};

using SharedReading = std::shared_ptr<const Reading>;

[[nodiscard]] common::yaml::Result<Reading> read_config(std::string_view file, std::string text);
[[nodiscard]] common::yaml::Result<SharedReading> load_reading(const std::string& path);

}  // namespace culvert::lbd
