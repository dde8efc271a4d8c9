// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lbd/model/edits.hpp"
#include "lbd/model/health.hpp"
#include "lbd/model/hops.hpp"
#include "lbd/model/image.hpp"
#include "lbd/model/services.hpp"
#include "lbd/plan/slots.hpp"
#include "netlink/result.hpp"

/// From the desired configuration to the content of the BPF maps, and to the edits that change them. Values only.
namespace culvert::lbd {

/// Identifies a table.
[[nodiscard]] Digest digest(const Ring& ring);

/// The input of the service's table, and whether fewer backends are up than the service needs. Without contenders it
/// has no table.
struct TableInput {
    Ring ring;
    bool down = false;
};
[[nodiscard]] TableInput table_input(const Service& service, const ServiceIds& ids, const Health& health);

/// Room for this image twice, so that all of it can change at once.
[[nodiscard]] Limits limits_for(const Image& image);

/// The limits for these services beside the image `before`, and no less than `limits`.
[[nodiscard]] netlink::Result<Limits> grown(const Services& services, const Image& before, const Limits& limits,
                                            const Health& health);

/// The desired content of the maps, given the current one. ENOSPC if there is no room for both.
[[nodiscard]] netlink::Result<Image> plan(const Services& services, const Hops& hops, const Image& before,
                                          const Limits& limits, const Health& health = {});

/// The input of a plan.
struct Situation {
    const Services& services;
    const Hops& hops;
    const Health& health;
};

/// Services that go and services that come. A service that stays is in both if it must be planned again because the
/// next hop or the health of one of its backends has changed.
struct Change {
    Services gone;
    Services come;
    Services neighbours;  ///< that stay, but packets that were theirs may be of services that come
};
[[nodiscard]] Change difference(const Situation& before, const Situation& after);

/// The part of an image that a change concerns, before and after.
struct Patch {
    Image was;
    Image becomes;
};

/// The same change as plan(), for these services alone; the time hardly depends on the number of other services.
/// `before` must be the plan for the state before the change.
[[nodiscard]] netlink::Result<Patch> replan(const Change& change, const Hops& hops, const Image& before,
                                            const Limits& limits, const Health& health = {});

/// Applies the change to the image.
void apply(Patch patch, Image& image);

/// What the maps hold beside the image when the edits are made: packets and sweeps change it, too.
struct Present {
    std::function<MaglevTable(const TablePlace&)> table;
    std::function<Slots(std::uint32_t line)> slots;
    std::uint16_t now = 0;  ///< in units of FlowClock
};

/// The edits from one image to another. Their order never lets a packet see a half-changed service. Empty if there is
/// nothing to do; otherwise the last edit is Settle, so that freed parts may be reused.
[[nodiscard]] std::vector<Edit> diff(const Image& before, const Image& after, const Present& present = {});
[[nodiscard]] std::vector<Edit> diff(const Image& before, const Patch& patch, const Present& present = {});

}  // namespace culvert::lbd
