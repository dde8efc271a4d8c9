// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "lbd/model/health.hpp"
#include "lbd/model/hops.hpp"
#include "lbd/model/services.hpp"
#include "lbd/plan/plan.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// What an image is the plan for.
struct Planned {
    Services services;
    Hops hops;
    Health health;
};

/// An image's next state.
struct Draft {
    Planned planned;
    Patch patch;
    Limits limits;  ///< that the maps need for it, no less than they have
};

/// Knows what the maps hold, and how that has to change. Values only.
class Planner {
  public:
    /// What the maps were found to hold; empty for new ones.
    explicit Planner(Image image) : image_(std::move(image)) {}

    [[nodiscard]] const Image& image() const { return image_; }
    /// What take() took last. None: the image was found.
    [[nodiscard]] const std::optional<Planned>& planned() const { return planned_; }

    /// Where maps of these limits have no room, they are to be larger. ENOSPC if there are none so large.
    [[nodiscard]] netlink::Result<Draft> draft(Planned wanted, const Limits& limits) const;
    [[nodiscard]] std::vector<Edit> edits(const Draft& draft) const { return diff(image_, draft.patch); }
    /// The edits have been made.
    void take(Draft draft);

    /// The image without the ids that nothing needs: see forget_unused() of owners.hpp.
    [[nodiscard]] Image without_unused_ids(const Services& services,
                                           const std::function<bool(std::uint32_t)>& in_use) const;
    [[nodiscard]] std::vector<Edit> edits(const Image& next) const { return diff(image_, next); }
    void take(Image next) { image_ = std::move(next); }

  private:
    [[nodiscard]] netlink::Result<Patch> patch(const Planned& wanted, const Limits& limits) const;

    Image image_;
    std::optional<Planned> planned_;
};

}  // namespace culvert::lbd
