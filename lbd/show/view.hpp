// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "lbd/model/view.hpp"
#include "netlink/address.hpp"

namespace culvert::lbd {

/// Services have the family of their VIP, backends and neighbours that of their address; other views have none.
[[nodiscard]] bool has_family(View view);
/// The elements of this family. The view must have a family.
[[nodiscard]] nlohmann::ordered_json of_family(View view, const nlohmann::ordered_json& list, netlink::Family family);

}  // namespace culvert::lbd
