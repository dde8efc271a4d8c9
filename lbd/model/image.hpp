// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "lbd/model/ids.hpp"
#include "lbd/model/service.hpp"

/// The structures of bpf/abi.h have explicit padding, so equal values have equal bytes.
[[nodiscard]] bool operator==(const lb_owner& a, const lb_owner& b);
[[nodiscard]] bool operator==(const lb_service& a, const lb_service& b);
[[nodiscard]] bool operator==(const lb_dest_body& a, const lb_dest_body& b);

/// The content of the BPF maps, as plain values.
namespace culvert::lbd {

/// The lookup key of a packet. Port 0: all ports of the protocol. Port 0 and protocol 0: the VIP itself.
struct VipKey {
    Vip vip;
    std::uint8_t protocol = 0;  ///< IANA number
    std::uint16_t port = 0;     ///< host order
    auto operator<=>(const VipKey&) const = default;
};

/// A backend that competes for entries of a table.
struct Contender {
    std::uint16_t value = 0;   ///< stored in its entries; unique
    std::string name;          ///< unique; determines the entries that it prefers
    std::uint32_t weight = 1;  ///< 0: gets no entries
    auto operator<=>(const Contender&) const = default;
};

/// The input of a Maglev table. Services with the same input share the table.
struct Ring {
    std::uint32_t size = 0;  ///< entries
    std::vector<Contender> contenders;
    bool operator==(const Ring&) const = default;
};

/// Identifies a table: in the maps, and from one process to the next.
using Digest = std::uint64_t;
struct Table {
    std::uint32_t line = 0;   ///< the first line of the table
    Ring ring;                ///< of a table by an earlier process, only the size is known
    std::uint32_t users = 0;  ///< number of services that use it
    bool operator==(const Table&) const = default;
};

/// A table in the map.
struct TablePlace {
    std::uint32_t line = 0;
    std::uint32_t size = 0;  ///< entries; 0: no backend takes new flows
    auto operator<=>(const TablePlace&) const = default;
};

/// How a table changes for the connections that the flow table does not know.
struct TableChange {
    std::uint32_t slots = 0;
    TablePlace from;
    TablePlace to;
    std::uint32_t before = 0;  ///< line of the transition until then; 0: all slots were settled
    std::vector<std::uint16_t>
        kept;          ///< by the former value of a backend: its present one, or LB_NO_FORMER: it has none
    bool all = false;  ///< whether all slots are in transition, also those that keep their backend
    auto operator<=>(const TableChange&) const = default;
};

/// Slots in transition, in the map of that name. Services whose tables change alike share them.
struct Transition {
    std::uint32_t slots = 0;
    std::uint32_t users = 0;                     ///< number of services that use it
    std::shared_ptr<const TableChange> because;  ///< what a new one is made from
    bool operator==(const Transition& other) const { return slots == other.slots && users == other.users; }
};

/// The number of lines for this many entries and the digest of the table.
[[nodiscard]] constexpr std::uint32_t lines(std::uint32_t entries) {
    return (entries + LB_RING_LINE - 1) / LB_RING_LINE + 1;
}

/// The content of the maps.
struct Image {
    std::map<VipKey, lb_service> vips;
    std::map<Digest, Table> tables;
    std::map<std::uint32_t, Transition> transitions;  ///< by their first line
    std::map<std::uint32_t, lb_dest_body> dests;      ///< by destination id
    Ids ids;
    bool operator==(const Image&) const = default;

    /// One more than the highest id that may lead to a backend.
    [[nodiscard]] std::uint32_t dests_end() const { return dests.empty() ? 0 : dests.rbegin()->first + 1; }
};

/// Capacities of the maps. The defaults are the ranges of ids and line numbers.
struct Limits {
    std::uint32_t vips4 = UINT32_MAX;
    std::uint32_t vips6 = UINT32_MAX;
    std::uint32_t ring_lines = UINT32_MAX;
    std::uint32_t transition_lines = UINT32_MAX;
    std::uint32_t dests = LB_DEST_MAX;
    bool operator==(const Limits&) const = default;
};

/// Whether a flow with this destination chooses anew, as in bpf/forward.h: it is gone, or its backend is down.
[[nodiscard]] bool is_left(const lb_dest_body& body);
/// Likewise, by its id.
[[nodiscard]] bool is_left(const Image& image, std::uint32_t dest);

}  // namespace culvert::lbd
