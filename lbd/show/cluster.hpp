// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "common/terminal.hpp"
#include "lbd/model/cluster_status.hpp"

namespace culvert::lbd {

/// `lbd show cluster`. Absent: there are no peers.
[[nodiscard]] nlohmann::ordered_json cluster_json(const std::optional<ClusterStatus>& status);
[[nodiscard]] std::string cluster_table(const nlohmann::ordered_json& json, bool colored);
[[nodiscard]] common::Table cluster_brief(const nlohmann::ordered_json& json);

}  // namespace culvert::lbd
