// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "lbd/model/service.hpp"

/// Parts of JSON as all commands have them in text.
namespace culvert::lbd {

/// The value of a key as tables have it: "-" if there is none.
[[nodiscard]] std::string text(const nlohmann::ordered_json& json, const char* key);

/// Whether flows that a backend has get there: its next hop is known, and no check finds it down. As `services` and
/// `lbd watch` have it.
[[nodiscard]] bool works(const nlohmann::ordered_json& backend);

/// What `encap` is in JSON, and that in words: "gue 5080", "fou 5004 gre".
[[nodiscard]] nlohmann::ordered_json to_json(const Encap& encap);
[[nodiscard]] std::string encap_text(const nlohmann::ordered_json& encap);

}  // namespace culvert::lbd
