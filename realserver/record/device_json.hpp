// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "realserver/model/state.hpp"

namespace culvert::realserver {

/// A device in the record, as JSON. Reading throws std::exception if it is invalid.
[[nodiscard]] nlohmann::json device_to_json(const Device& device);
[[nodiscard]] Device device_from_json(const nlohmann::json& json);

}  // namespace culvert::realserver
