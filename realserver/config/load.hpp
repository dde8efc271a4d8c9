// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "realserver/model/config.hpp"

namespace culvert::realserver {

/// Nothing if the file is invalid: then the errors are on standard error.
[[nodiscard]] std::optional<Config> load_config(const std::string& path);

}  // namespace culvert::realserver
