// SPDX-License-Identifier: Apache-2.0
#include "lbd/reconcile/reconciler.hpp"

#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

#include "lbd/datapath/flow_table.hpp"
#include "lbd/datapath/transition_map.hpp"

namespace culvert::lbd {
namespace {

using netlink::failure;
using netlink::Result;

}  // namespace

Result<Candidate> Reconciler::prepare(const Config& config, const Surroundings& around, Planned wanted) const {
    const Build& present = program_.datapath().build();
    TRY(Draft draft, planner_.draft(std::move(wanted), present.limits));
    const Build build = build_for(config, around, draft.limits);
    Candidate candidate{.draft = std::move(draft), .program = {}, .build = build};
    const Build both = united(build, present);
    if (both == present) return candidate;
    TRY(candidate.program, program_.load(both));
    return candidate;
}

Result<Candidate> Reconciler::prepare_maps(Planned wanted) const {
    const Build& present = program_.datapath().build();
    TRY(Draft draft, planner_.draft(std::move(wanted), present.limits));
    if (!(draft.limits == present.limits)) return failure("fit the plan into", "the present maps", ENOSPC);
    return Candidate{.draft = std::move(draft), .program = {}, .build = present};
}

Result<> Reconciler::place(Candidate& candidate, const Ports& ports, XdpMode mode) {
    return candidate.program
               ? program_.replace(*std::move(candidate.program), ports, mode, planner_.image().transitions)
               : Result<>{};
}

Result<> Reconciler::edit(Candidate& candidate) {
    Present now;
    if (moves_slots(candidate.draft)) {
        TRY(now, present());
    }
    CHECK_OK(program_.datapath().maps().apply(planner_.edits(candidate.draft, now)));
    planner_.take(std::move(candidate.draft));
    return {};
}

Result<> Reconciler::make(Candidate candidate, const Ports& ports, XdpMode mode) {
    CHECK_OK(place(candidate, ports, mode));
    if (auto edited = edit(candidate); !edited) {
        if (const auto restored = program_.restore(); !restored)
            edited.error().kernel += "; and the former program was not restored: " + restored.error().message();
        return edited;
    }
    program_.keep();
    return {};
}

Result<> Reconciler::narrow(const Build& build, const Ports& ports, XdpMode mode) {
    const Build wanted = keyed(build, program_.datapath().build());
    if (wanted == program_.datapath().build()) return {};
    TRY(auto narrower, program_.load(wanted));
    CHECK_OK(program_.replace(std::move(narrower), ports, mode, planner_.image().transitions));
    program_.keep();
    return {};
}

Result<> Reconciler::forget_unused_ids(const Services& services) {
    Datapath& datapath = program_.datapath();
    std::vector<FlowCount> flows(datapath.build().limits.dests);
    count_flows(datapath.flows().table(), 0, 0, flows);  // live or closing: only whether there are any matters
    return take(planner_.without_unused_ids(
        services, [&](std::uint32_t id) { return id < flows.size() && flows[id] != FlowCount{}; }));
}

Result<> Reconciler::end_transitions(const std::set<std::uint32_t>& lines) {
    return take(planner_.without_transitions(lines));
}

Result<> Reconciler::begin_transitions(Image next) {
    TRY(const Present now, present());
    CHECK_OK(program_.datapath().maps().apply(planner_.edits(next, now)));
    planner_.begin(std::move(next));
    return {};
}

Result<> Reconciler::take(Image next) {
    CHECK_OK(program_.datapath().maps().apply(planner_.edits(next)));
    planner_.take(std::move(next));
    return {};
}

Result<Present> Reconciler::present() const {
    const Datapath& datapath = program_.datapath();
    TRY(const std::uint16_t now, datapath.flows().long_now());
    const ImageMaps& maps = datapath.maps();
    return Present{.table = [&maps](const TablePlace& place) { return maps.ring(place.line, place.size); },
                   .slots = [&maps](std::uint32_t line) { return read_slots(maps.transition(line)); },
                   .now = now};
}

}  // namespace culvert::lbd
