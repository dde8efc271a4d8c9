// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "lbd/model/ids.hpp"
#include "lbd/model/service.hpp"

/// The structures of bpf/abi.h have explicit padding, so equal bytes are equal values.
[[nodiscard]] bool operator==(const lb_owner& a, const lb_owner& b);
[[nodiscard]] bool operator==(const lb_service& a, const lb_service& b);
[[nodiscard]] bool operator==(const lb_dest_body& a, const lb_dest_body& b);

/// What the BPF maps hold, as plain values.
namespace culvert::lbd {

/// What a packet is looked up by. Port 0: all ports of the protocol. Port 0 and protocol 0: this is a VIP.
struct VipKey {
    Vip vip;
    std::uint8_t protocol = 0;  ///< IANA number
    std::uint16_t port = 0;     ///< host order
    auto operator<=>(const VipKey&) const = default;
};

/// Who competes for a place in a table.
struct Contender {
    std::uint16_t value = 0;   ///< what the table's entries hold; unique
    std::string name;          ///< unique; decides which entries are wanted first
    std::uint32_t weight = 1;  ///< 0: gets none
    auto operator<=>(const Contender&) const = default;
};

/// What determines a Maglev table. Services that have this in common share the table.
struct Ring {
    std::uint32_t size = 0;  ///< entries
    std::vector<Contender> contenders;
    bool operator==(const Ring&) const = default;
};

/// What tables are known again by: in the maps, and from one process to the next.
using Digest = std::uint64_t;
struct Table {
    std::uint32_t line = 0;   ///< that it begins at
    Ring ring;                ///< of one that an earlier process has made, the size alone
    std::uint32_t users = 0;  ///< services that have it
    bool operator==(const Table&) const = default;
};

/// Of a table of so many entries, with the one for its digest.
[[nodiscard]] constexpr std::uint32_t lines(std::uint32_t entries) {
    return (entries + LB_RING_LINE - 1) / LB_RING_LINE + 1;
}

/// What the maps hold.
struct Image {
    std::map<VipKey, lb_service> vips;
    std::map<Digest, Table> tables;
    std::map<std::uint32_t, lb_dest_body> dests;  ///< by id
    Ids ids;
    bool operator==(const Image&) const = default;

    /// Above all ids that may lead anywhere.
    [[nodiscard]] std::uint32_t dests_end() const { return dests.empty() ? 0 : dests.rbegin()->first + 1; }
};

/// What the maps have room for; by default, what ids and line numbers can count.
struct Limits {
    std::uint32_t vips4 = UINT32_MAX;
    std::uint32_t vips6 = UINT32_MAX;
    std::uint32_t ring_lines = UINT32_MAX;
    std::uint32_t dests = LB_DEST_MAX;
    bool operator==(const Limits&) const = default;
};

}  // namespace culvert::lbd
