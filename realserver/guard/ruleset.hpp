// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "netlink/nftables/table.hpp"
#include "realserver/model/desired.hpp"

namespace culvert::realserver {

/// The table of nf_tables that is ours by its name.
inline constexpr std::string_view table_name = "culvert";

/// What is asked of nf_tables; none if nothing.
[[nodiscard]] std::optional<netlink::nft::Table> ruleset(const Desired& desired);

}  // namespace culvert::realserver
