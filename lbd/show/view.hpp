// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "lbd/model/view.hpp"
#include "netlink/address.hpp"

namespace culvert::lbd {

/// Services have that of their VIP, backends and neighbours that of their address; the others have none.
[[nodiscard]] bool has_family(View view);
/// Those of this family, of the JSON of a view that has one.
[[nodiscard]] nlohmann::ordered_json of_family(View view, const nlohmann::ordered_json& list, netlink::Family family);

}  // namespace culvert::lbd
