// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "netlink/address.hpp"

namespace culvert::lbd {

/// What `lbd show` shows.
enum class View : std::uint8_t { services, backends, flows, neighbours, interfaces, counters };

/// In the order in which help lists them.
[[nodiscard]] std::vector<std::string_view> view_names();
[[nodiscard]] std::optional<View> view(std::string_view name);

/// Services have that of their VIP, backends and neighbours that of their address; the others have none.
[[nodiscard]] bool has_family(View view);
/// Those of this family, of the JSON of a view that has one.
[[nodiscard]] nlohmann::ordered_json of_family(View view, const nlohmann::ordered_json& list, netlink::Family family);

}  // namespace culvert::lbd
