// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/yaml.hpp"
#include "lbd/config/file/read.hpp"

namespace culvert::lbd {

/// What read_config() makes of the text, only quicker where few services have changed since `before`: it then reads
/// these alone, in a text that has all but services from the new one. Whatever is unusual, or wrong, is left to
/// read_config(). Services that are as before are shared with `before`; if all is, the result is `before`.
[[nodiscard]] common::yaml::Result<SharedReading> read_again(std::string_view file, std::string text,
                                                             const SharedReading& before);

/// The quick way alone, without the text. Nothing if only reading all of it can tell.
[[nodiscard]] std::optional<Reading> read_changed(std::string_view text, const Reading& before);

[[nodiscard]] common::yaml::Result<SharedReading> reload_config(const std::string& path, const SharedReading& before);

}  // namespace culvert::lbd
