// SPDX-License-Identifier: Apache-2.0
#include "lbd/reconcile/planner.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lbd/plan/ids.hpp"

namespace culvert::lbd {

using netlink::Result;

Result<Draft> Planner::draft(Planned wanted, const Limits& limits) const {
    Draft draft{.planned = std::move(wanted), .patch = {}, .limits = limits};
    auto fits = patch(draft.planned, limits);
    if (!fits && fits.error().code == ENOSPC) {
        TRY(draft.limits, grown(draft.planned.services, image_, limits, draft.planned.health));
        fits = patch(draft.planned, draft.limits);
    }
    TRY(draft.patch, std::move(fits));
    return draft;
}

Result<Patch> Planner::patch(const Planned& wanted, const Limits& limits) const {
    if (!planned_) {
        TRY(Image image, plan(wanted.services, wanted.hops, image_, limits, wanted.health));
        return Patch{.was = image_, .becomes = std::move(image)};
    }
    const Change change = difference({planned_->services, planned_->hops, planned_->health},
                                     {wanted.services, wanted.hops, wanted.health});
    return replan(change, wanted.hops, image_, limits, wanted.health);
}

void Planner::take(Draft draft) {
    apply(std::move(draft.patch), image_);
    planned_ = std::move(draft.planned);
    ++drafts_;
    ++plans_;
    ++changes_;
}

void Planner::take(Image next) {
    image_ = std::move(next);
    ++changes_;
}

void Planner::begin(Image next) {
    for (auto& [line, transition] : next.transitions) transition.because.reset();
    take(std::move(next));
    ++plans_;
}

Image Planner::without_transitions(const std::set<std::uint32_t>& lines) const {
    Image image = image_;
    for (auto& [key, service] : image.vips)
        if (lines.contains(service.transition)) service.transition = 0;
    for (const std::uint32_t line : lines) image.transitions.erase(line);
    return image;
}

bool moves_slots(const Draft& draft) {
    return std::ranges::any_of(draft.patch.becomes.transitions,
                               [](const auto& transition) { return transition.second.because != nullptr; });
}

Image Planner::without_unused_ids(const Services& services, const std::function<bool(std::uint32_t)>& in_use) const {
    Image image = image_;
    image.ids = forget_unused(std::move(image.ids), services, in_use);
    return image;
}

}  // namespace culvert::lbd
