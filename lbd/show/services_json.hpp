// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "lbd/model/status.hpp"
#include "lbd/model/view.hpp"

namespace culvert::lbd {

/// Appends a service to the list, in the form of this view.
void add(View view, const ServiceStatus& service, nlohmann::ordered_json& list);

/// The flow table without its services.
[[nodiscard]] nlohmann::ordered_json flows(const Status& status);

/// "unknown", "up" or "down"
[[nodiscard]] std::string_view condition_name(Condition condition);

}  // namespace culvert::lbd
