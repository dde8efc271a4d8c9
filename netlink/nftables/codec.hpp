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

/// Tables to netlink messages and back; no sockets here.
namespace culvert::netlink::nft {

/// One transaction: netlink messages end to end, from NFNL_MSG_BATCH_BEGIN to NFNL_MSG_BATCH_END.
struct Batch {
    std::vector<std::uint8_t> bytes;
    /// What each message is about, for errors: the message with sequence number n is about objects[n].
    std::vector<std::string> objects;
};

/// Makes `wanted`, in place of the table of that name if `exists`. The kernel accepts it only while its ruleset has the
/// generation `generation`, else it answers ERESTART.
[[nodiscard]] Batch encode_replace(const Table& wanted, bool exists, std::uint32_t generation);
[[nodiscard]] Batch encode_remove(TableFamily family, std::string_view name, std::uint32_t generation);

/// The table out of netlink messages end to end: dumps of tables, chains, sets, set elements and rules in any order but
/// for an owner before what it owns. What belongs to other tables is skipped; nothing if the table is not among them.
/// EBADMSG if the bytes make no sense.
[[nodiscard]] Result<std::optional<Table>> decode(std::span<const std::uint8_t> messages, TableFamily family,
                                                  std::string_view name);

/// What the rules of the table have counted, out of a dump of rules.
[[nodiscard]] Result<Tallies> decode_tallies(std::span<const std::uint8_t> messages, std::string_view table);

}  // namespace culvert::netlink::nft
