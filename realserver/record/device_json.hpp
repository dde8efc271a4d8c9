// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "realserver/model/state.hpp"

namespace culvert::realserver {

/// A device as the record keeps it, and back; throws std::exception if it makes no sense.
[[nodiscard]] nlohmann::json device_to_json(const Device& device);
[[nodiscard]] Device device_from_json(const nlohmann::json& json);

}  // namespace culvert::realserver
