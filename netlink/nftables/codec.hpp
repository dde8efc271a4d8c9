// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "netlink/nftables/table.hpp"
#include "netlink/result.hpp"

/// Converts tables to netlink messages and back, without sockets.
namespace culvert::netlink::nft {

/// One transaction: consecutive netlink messages, from NFNL_MSG_BATCH_BEGIN to NFNL_MSG_BATCH_END.
struct Batch {
    std::vector<std::uint8_t> bytes;
    /// The subject of each message, for errors: the message with sequence number n is about objects[n].
    std::vector<std::string> objects;
};

/// Creates `wanted`. It replaces the table of that name if `exists`. The kernel accepts it only while its ruleset has
/// generation `generation`, else it answers ERESTART.
[[nodiscard]] Batch encode_replace(const Table& wanted, bool exists, std::uint32_t generation);
[[nodiscard]] Batch encode_remove(TableFamily family, std::string_view name, std::uint32_t generation);

/// Reads the table from consecutive netlink messages: dumps of tables, chains, sets, set elements and rules in any
/// order, but an owner before what it owns. Other tables are skipped. Nothing if the table is not among them. EBADMSG
/// if the bytes are malformed.
[[nodiscard]] Result<std::optional<Table>> decode(std::span<const std::uint8_t> messages, TableFamily family,
                                                  std::string_view name);

/// The counters of the table's rules, from a dump of rules.
[[nodiscard]] Result<Tallies> decode_tallies(std::span<const std::uint8_t> messages, std::string_view table);

}  // namespace culvert::netlink::nft
