// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "netlink/nftables/table.hpp"

namespace culvert::netlink::nft {

/// The table as a block that nft(8) reads: loading it gives this very table. What has no name in nft's language is
/// written as raw bytes of a header (`@nh,72,8`). A Foreign expression is written in angle brackets, which nft refuses:
/// better no table than one that lacks a condition.
[[nodiscard]] std::string to_text(const Table& table);

}  // namespace culvert::netlink::nft
