// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "netlink/nftables/table.hpp"

namespace culvert::netlink::nft {

/// The table as a block for nft(8): loading it gives exactly this table. A field without a name in nft's language is
/// written as raw header bytes (`@nh,72,8`). A Foreign expression is written in angle brackets, which nft refuses: no
/// table is better than one that lacks a condition.
[[nodiscard]] std::string to_text(const Table& table);

}  // namespace culvert::netlink::nft
