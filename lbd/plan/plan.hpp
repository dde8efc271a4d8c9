// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <variant>
#include <vector>

#include "bpf/abi.h"
#include "lbd/model/config.hpp"
#include "lbd/model/health.hpp"
#include "lbd/network/next_hop.hpp"
#include "lbd/plan/ids.hpp"
#include "lbd/plan/maglev.hpp"
#include "netlink/result.hpp"

/// The structures of bpf/abi.h have explicit padding, so equal bytes are equal values.
[[nodiscard]] bool operator==(const lb_owner& a, const lb_owner& b);
[[nodiscard]] bool operator==(const lb_service& a, const lb_service& b);
[[nodiscard]] bool operator==(const lb_dest_body& a, const lb_dest_body& b);

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

/// Room for this and for as much again, so that all of it can change at once.
[[nodiscard]] Limits limits_for(const Image& image);

/// Room for the services too beside what is there already, and no less than `limits`.
[[nodiscard]] netlink::Result<Limits> grown(const Services& services, const Image& before, const Limits& limits);

/// What the maps shall hold, given what they hold now. ENOSPC if there is no room for what is new beside what is there.
[[nodiscard]] netlink::Result<Image> plan(const Services& services, const Hops& hops, const Image& before,
                                          const Limits& limits, const Health& health = {});

/// What a plan is made from.
struct Situation {
    const Services& services;
    const Hops& hops;
    const Health& health;
};

/// Services that give way to others. One that stays is among both if it has to be planned anew, as the way to one of
/// its backends or the health of one is another.
struct Change {
    Services gone;
    Services come;
};
[[nodiscard]] Change difference(const Situation& before, const Situation& after);

/// That part of an image that a change concerns, before and after.
struct Patch {
    Image was;
    Image becomes;
};

/// As plan() would change the image, for those services alone: the time it takes depends little on how many others
/// there are. `before` is the plan for all that the change starts from.
[[nodiscard]] netlink::Result<Patch> replan(const Change& change, const Hops& hops, const Image& before,
                                            const Limits& limits, const Health& health = {});

/// The image after the change.
void apply(Patch patch, Image& image);

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
/// All at once.
struct SetVips {
    std::map<VipKey, lb_service> entered;  ///< or changed
    std::set<VipKey> removed;
};
/// Wait until no packet is being processed that saw what was there before.
struct Settle {};

using Edit = std::variant<SetOwner, RemoveOwner, SetDest, WriteRing, SetVips, Settle>;

/// The edits that lead from one image to another, in an order in which no packet sees half a service. Empty if there is
/// nothing to do; otherwise the last one is Settle, so that what was freed may be written again.
[[nodiscard]] std::vector<Edit> diff(const Image& before, const Image& after);
[[nodiscard]] std::vector<Edit> diff(const Image& before, const Patch& patch);

}  // namespace culvert::lbd
