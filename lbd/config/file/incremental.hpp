// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/yaml.hpp"
#include "lbd/config/file/read.hpp"

namespace culvert::lbd {

using SharedReading = std::shared_ptr<const Reading>;

/// The same result as read_config(), but quicker if few services have changed since `before`: only these are read then,
/// in a text that has everything except services from the new one. Anything unusual, and anything wrong, is left to
/// read_config(). Services that have not changed are shared with `before`, and if nothing has, the result is `before`.
/// Without `before` it is read_config().
[[nodiscard]] common::yaml::Result<SharedReading> read_again(std::string_view file, std::string text,
                                                             const SharedReading& before);

/// The quick part of it; the result has no text. Nothing if the whole text has to be read.
[[nodiscard]] std::optional<Reading> read_changed(std::string_view text, const Reading& before);

}  // namespace culvert::lbd
