// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "lbd/model/view.hpp"

namespace culvert::lbd {

/// `json` must be the result of to_json() for the same view.
[[nodiscard]] std::string to_table(View view, const nlohmann::ordered_json& json, bool colored);

/// One line for each entry, without titles: its name and state.
[[nodiscard]] std::string to_brief(View view, const nlohmann::ordered_json& json, bool colored);

}  // namespace culvert::lbd
