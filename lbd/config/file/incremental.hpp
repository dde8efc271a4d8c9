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

/// The same result as read_config(), but faster if few services have changed since `before`: then, of the services,
/// only these are read. Anything unusual or wrong is left to read_config(). Services that have not changed are shared
/// with `before`. If nothing has changed, the result is `before`. Without `before` it is read_config().
[[nodiscard]] common::yaml::Result<SharedReading> read_again(std::string_view file, std::string text,
                                                             const SharedReading& before);

/// The fast part. The result has no text. Nothing if the whole text must be read.
[[nodiscard]] std::optional<Reading> read_changed(std::string_view text, const Reading& before);

}  // namespace culvert::lbd
