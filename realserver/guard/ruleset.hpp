// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "netlink/nftables/table.hpp"
#include "realserver/model/desired.hpp"

namespace culvert::realserver {

/// The name of our table of nf_tables.
inline constexpr std::string_view table_name = "culvert";

/// The desired table; none if nothing needs it.
[[nodiscard]] std::optional<netlink::nft::Table> ruleset(const Desired& desired);

}  // namespace culvert::realserver
