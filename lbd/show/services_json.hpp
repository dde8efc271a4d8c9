// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "lbd/model/status.hpp"
#include "lbd/model/view.hpp"

namespace culvert::lbd {

/// What a view that is a list of services, or has one, says of one: appended to the list.
void add(View view, const ServiceStatus& service, nlohmann::ordered_json& list);

/// The flow table, but for its services.
[[nodiscard]] nlohmann::ordered_json flows(const Status& status);

}  // namespace culvert::lbd
