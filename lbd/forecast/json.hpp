// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "lbd/forecast/forecast.hpp"

/// A forecast as JSON, and that as text.
namespace culvert::lbd {

[[nodiscard]] nlohmann::ordered_json forecast_json(const Forecast& forecast);

/// Whether anything would change.
[[nodiscard]] bool changes_anything(const nlohmann::ordered_json& forecast);
[[nodiscard]] std::string forecast_text(const nlohmann::ordered_json& forecast, bool colored);

}  // namespace culvert::lbd
