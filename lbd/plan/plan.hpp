// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "lbd/model/edits.hpp"
#include "lbd/model/health.hpp"
#include "lbd/model/hops.hpp"
#include "lbd/model/image.hpp"
#include "lbd/model/services.hpp"
#include "netlink/result.hpp"

/// From what is wanted to what the BPF maps hold, and from there to the edits that change the maps. Values only.
namespace culvert::lbd {

/// What tables are known again by.
[[nodiscard]] Digest digest(const Ring& ring);

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

/// The edits that lead from one image to another, in an order in which no packet sees half a service. Empty if there is
/// nothing to do; otherwise the last one is Settle, so that what was freed may be written again.
[[nodiscard]] std::vector<Edit> diff(const Image& before, const Image& after);
[[nodiscard]] std::vector<Edit> diff(const Image& before, const Patch& patch);

}  // namespace culvert::lbd
