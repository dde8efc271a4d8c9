// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <variant>
#include <vector>

#include "bpf/abi.h"
#include "lbd/health/health.hpp"
#include "lbd/next_hop/next_hop.hpp"
#include "lbd/plan/ids.hpp"
#include "lbd/plan/maglev.hpp"
#include "lbd/state.hpp"
#include "netlink/result.hpp"

/// From what is wanted to what the BPF maps hold, and from there to the edits that change the maps. Values only.
namespace culvert::lbd {

/// What a packet is looked up by. Port 0: all ports of the protocol. Port 0 and protocol 0: this is a VIP.
struct VipKey {
    Vip vip;
    std::uint8_t protocol = 0;  ///< IANA number
    std::uint16_t port = 0;     ///< host order
    auto operator<=>(const VipKey&) const = default;
};

/// What determines a Maglev table. Services that have this in common share the table.
struct Ring {
    std::uint32_t size = 0;  ///< entries
    std::vector<Contender> contenders;
    bool operator==(const Ring&) const = default;
};

/// What tables are known again by: in the maps, and from one process to the next.
using Digest = std::uint64_t;
[[nodiscard]] Digest digest(const Ring& ring);

struct Table {
    std::uint32_t line = 0;  ///< that it begins at
    Ring ring;               ///< of one that an earlier process has made, the size alone
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
    std::vector<lb_dest_body> dests;  ///< by id
    Ids ids;
};

/// What the maps have room for; by default, what ids and line numbers can count.
struct Limits {
    std::uint32_t vips4 = UINT32_MAX;
    std::uint32_t vips6 = UINT32_MAX;
    std::uint32_t ring_lines = UINT32_MAX;
    std::uint32_t dests = LB_DEST_MAX;
    bool operator==(const Limits&) const = default;
};

/// Room for this and for as much again, so that all of it can change at once.
[[nodiscard]] Limits limits_for(const Image& image);

/// Room for the services too beside what is there already, and no less than `limits`.
[[nodiscard]] netlink::Result<Limits> grown(const std::vector<Service>& services, const Image& before,
                                            const Limits& limits);

/// What the maps shall hold, given what they hold now. ENOSPC if there is no room for what is new beside what is there.
[[nodiscard]] netlink::Result<Image> plan(const std::vector<Service>& services, const Hops& hops, const Image& before,
                                          const Limits& limits, const Health& health = {});

/// Comes before anything that makes flows remember the id.
struct SetOwner {
    std::uint32_t id = 0;
    lb_owner owner{};
};
/// Of an id that may belong to another one from now on.
struct RemoveOwner {
    std::uint32_t id = 0;
};
struct SetDest {
    std::uint32_t id = 0;
    lb_dest_body body{};
};
/// Into lines that no service refers to.
struct WriteRing {
    std::uint32_t line = 0;
    Digest digest = 0;
    std::vector<std::uint16_t> table;
};
/// All of them, at once.
struct SetVips {
    std::map<VipKey, lb_service> vips;
};
/// Wait until no packet is being processed that saw what was there before.
struct Settle {};

using Edit = std::variant<SetOwner, RemoveOwner, SetDest, WriteRing, SetVips, Settle>;

/// The edits that lead from one image to another, in an order in which no packet sees half a service. Empty if there is
/// nothing to do; otherwise the last one is Settle, so that what was freed may be written again.
[[nodiscard]] std::vector<Edit> diff(const Image& before, const Image& after);

}  // namespace culvert::lbd

/// The structures of bpf/abi.h have explicit padding, so equal bytes are equal values.
[[nodiscard]] bool operator==(const lb_owner& a, const lb_owner& b);
[[nodiscard]] bool operator==(const lb_service& a, const lb_service& b);
[[nodiscard]] bool operator==(const lb_dest_body& a, const lb_dest_body& b);
