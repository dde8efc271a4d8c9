// SPDX-License-Identifier: Apache-2.0
#include "lbd/reconcile/flow_sweep.hpp"

#include <algorithm>

namespace culvert::lbd {

using netlink::Result;

namespace {

constexpr std::size_t settled_at_once = 1U << 19;  // slots: some milliseconds

}  // namespace

Result<> FlowSweep::next(Reconciler& reconciler, const IdleTimes& idle, const IsHeld& held) {
    FlowMap& flows = reconciler.datapath().flows();
    if (flows.part().is_changing()) {
        swept_ = 0;  // a round would miss what moves from ahead to behind
        return flows.move();
    }
    if (settles_) return settle(reconciler, held);
    TRY(const std::uint16_t now, flows.now());
    const auto table = flows.table();
    if (!sampling_) sampling_.emplace(flows.sampled());
    swept_ %= table.size();  // the size may have changed
    if (swept_ == 0) CHECK_OK(begin_round(reconciler));
    const std::size_t share = std::min(table.size() - swept_, table.size() / shares + 1);
    const std::uint32_t mask = sample_mask(sampling_->shift());
    const ImageMaps& maps = reconciler.datapath().maps();
    PartSize::Use use{.entries = 0, .places = share * LB_FLOW_WAYS};
    expire_flows(table.subspan(swept_, share), idle, now, [&](const Flow& flow) {
        ++use.entries;
        if (!watch_.empty()) watch_.see(flow, maps);
        if (flow.dest < sampled_.size() && sampled_[flow.dest] && (flow.tag & mask) == 0) ++entries_;
    });
    swept_ += share;
    if (sampling_->see(entries_, most_sampled)) entries_ = 0;
    flows.sample(sampling_->shift());
    kept_ += use.entries;
    if (const auto shift = PartSize::larger(use, flows.part().shift)) return flows.use_part(*shift);
    return swept_ == table.size() ? end_round(reconciler, held) : Result<>{};
}

Result<> FlowSweep::begin_round(const Reconciler& reconciler) {
    const Planner& planner = reconciler.planner();
    planned_ = planner.plans();
    entries_ = kept_ = 0;
    if (!planner.planned()) return {};
    const Services& services = planner.planned()->services;
    const FlowMap& flows = reconciler.datapath().flows();
    TRY(const std::uint16_t now, flows.long_now());
    watch_ = SlotWatch(planner.image(), services, flows.clock(), now);
    sampled_ = sampled_dests(services, planner.image().ids);
    return {};
}

Result<> FlowSweep::end_round(Reconciler& reconciler, const IsHeld& held) {
    FlowMap& flows = reconciler.datapath().flows();
    const PartSize::Use use{.entries = kept_, .places = flows.table().size() * LB_FLOW_WAYS};
    if (const auto shift = size_.smaller(use, flows.part().shift, most_halved(flows.capacity())))
        CHECK_OK(flows.use_part(*shift));
    TRY(const std::uint16_t now, flows.long_now());
    const auto& planned = reconciler.planner().planned();
    sampling_->end_round(entries_, now, planned ? flows.clock().units(sampled_idle(planned->services)) : 0);
    settles_ = !watch_.empty();
    return settles_ ? settle(reconciler, held) : Result<>{};
}

Result<> FlowSweep::settle(Reconciler& reconciler, const IsHeld& held) {
    // An entry that was stored since a plan came into force may name what is another backend than the table's now.
    settles_ = reconciler.planner().plans() == planned_;
    if (!settles_) return {};
    const auto over = watch_.settle(reconciler.datapath().maps(), settled_at_once, held);
    settles_ = !watch_.is_settled();
    return over.empty() ? Result<>{} : reconciler.end_transitions({over.begin(), over.end()});
}

}  // namespace culvert::lbd
