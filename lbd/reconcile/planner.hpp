// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "lbd/model/health.hpp"
#include "lbd/model/hops.hpp"
#include "lbd/model/services.hpp"
#include "lbd/plan/plan.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// The input of a plan that became an image.
struct Planned {
    Services services;
    Hops hops;
    Health health;
};

/// The next state of an image.
struct Draft {
    Planned planned;
    Patch patch;
    Limits limits;  ///< that the maps need for it, and no less than the present ones
};

/// Stores the content of the maps, and plans changes to it. Values only.
class Planner {
  public:
    /// `image`: the content that was found in the maps; empty for new maps.
    explicit Planner(Image image) : image_(std::move(image)) {}

    [[nodiscard]] const Image& image() const { return image_; }
    /// The input of the last take(). Absent: the image was found in the maps.
    [[nodiscard]] const std::optional<Planned>& planned() const { return planned_; }

    /// The limits of the draft are larger where the maps lack room. ENOSPC if no map can be that large.
    [[nodiscard]] netlink::Result<Draft> draft(Planned wanted, const Limits& limits) const;
    /// `present` is needed if the draft moves slots: see moves_slots().
    [[nodiscard]] std::vector<Edit> edits(const Draft& draft, const Present& present) const {
        return diff(image_, draft.patch, present);
    }
    /// Call when the edits have been made.
    void take(Draft draft);

    /// The image without ids that nothing needs: see forget_unused() of ids.hpp.
    [[nodiscard]] Image without_unused_ids(const Services& services,
                                           const std::function<bool(std::uint32_t)>& in_use) const;
    /// The image without these transitions: all their slots are settled.
    [[nodiscard]] Image without_transitions(const std::set<std::uint32_t>& lines) const;
    /// `present` is needed if transitions begin.
    [[nodiscard]] std::vector<Edit> edits(const Image& next, const Present& present = {}) const {
        return diff(image_, next, present);
    }
    void take(Image next);
    /// Likewise, if transitions begin in it.
    void begin(Image next);

    /// The number of changes by which entries of the flow table may have another meaning: drafts, and transitions that
    /// have begun.
    [[nodiscard]] std::uint64_t plans() const { return plans_; }
    /// The number of drafts that were taken.
    [[nodiscard]] std::uint64_t drafts() const { return drafts_; }
    /// The number of images that were taken.
    [[nodiscard]] std::uint64_t changes() const { return changes_; }

  private:
    [[nodiscard]] netlink::Result<Patch> patch(const Planned& wanted, const Limits& limits) const;

    Image image_;
    std::optional<Planned> planned_;
    std::uint64_t plans_ = 0;
    std::uint64_t drafts_ = 0;
    std::uint64_t changes_ = 0;
};

/// Whether slots enter a transition, or their former backends change.
[[nodiscard]] bool moves_slots(const Draft& draft);

}  // namespace culvert::lbd
