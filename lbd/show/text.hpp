// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "lbd/model/view.hpp"

namespace culvert::lbd {

/// `json` is what to_json() made of the same view.
[[nodiscard]] std::string to_table(View view, const nlohmann::ordered_json& json, bool colored);

/// A line for each, without titles: what it is, and how it is.
[[nodiscard]] std::string to_brief(View view, const nlohmann::ordered_json& json, bool colored);

}  // namespace culvert::lbd
