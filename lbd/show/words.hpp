// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "lbd/model/service.hpp"

/// How all commands print parts of the JSON.
namespace culvert::lbd {

/// The value of a key in a table; "-" if the key is absent.
[[nodiscard]] std::string text(const nlohmann::ordered_json& json, const char* key);
/// "1200", "~1200" if it is estimated
[[nodiscard]] std::string live_flows(const nlohmann::ordered_json& counted);

/// Seconds: "45s", "12m", "3h", "40d"
[[nodiscard]] std::string duration_text(std::uint64_t seconds);

/// Whether the backend's flows reach it: its next hop is known, and its health is not down. For `services` and `lbd
/// watch`.
[[nodiscard]] bool works(const nlohmann::ordered_json& backend);

/// An encapsulation as JSON, and that as text: "gue 5080", "fou 5004 gre".
[[nodiscard]] nlohmann::ordered_json to_json(const Encap& encap);
[[nodiscard]] std::string encap_text(const nlohmann::ordered_json& encap);

}  // namespace culvert::lbd
