// SPDX-License-Identifier: Apache-2.0
#include "lbd/exchange/exchange.hpp"

#include <iterator>
#include <utility>

#include "lbd/datapath/transition_map.hpp"
#include "lbd/exchange/tables.hpp"
#include "lbd/plan/plan.hpp"
#include "lbd/plan/transitions.hpp"

namespace culvert::lbd {

using netlink::Result;

namespace {

using namespace std::chrono_literals;

constexpr std::size_t buckets_at_once = 1U << 15;  // half a millisecond
constexpr std::size_t slots_at_once = 1U << 18;    // some milliseconds
constexpr auto between_slots = 1s;
// Flows of UDP are where the table says until it changes, so others need not know of them at once.
constexpr auto between_flows = 250ms;

InForce in_force(const Reconciler& reconciler) {
    const Planned& planned = *reconciler.planner().planned();
    return {planned.services, planned.health, reconciler.image(), reconciler.datapath().maps()};
}

}  // namespace

void Exchange::follow(const Reconciler& reconciler) {
    const Planner& planner = reconciler.planner();
    if (changes_ == planner.changes()) return;
    changes_ = planner.changes();
    told_slots_ = {};
    tells_slots_ = false;
    outgoing_.follow({planner.planned()->services, planner.image(), reconciler.datapath().flows().clock()});
    incoming_.follow();
}

Result<> Exchange::tell(Reconciler& reconciler, Clock::time_point now, const Outgoing::Tell& tell) {
    if (!reconciler.planner().planned()) return {};
    follow(reconciler);
    Datapath& datapath = reconciler.datapath();
    CHECK_OK(incoming_.enter_again(reconciler.image(), datapath.flows(), outgoing_));
    if (outgoing_.empty()) return {};
    if (tells_slots_ || now - told_slots_ >= between_slots) {
        if (!tells_slots_) told_slots_ = now;
        TRY(const bool is_done, outgoing_.tell_slots(datapath.flows(), datapath.maps(), slots_at_once, tell));
        tells_slots_ = !is_done;
    }
    if (!outgoing_.has_transitions() && now - told_flows_ < between_flows) return {};
    told_flows_ = now;
    return outgoing_.tell_flows(datapath.flows(), datapath.maps(), buckets_at_once, tell);
}

Result<std::deque<Exceptions>> Exchange::slots_and_tables(Reconciler& reconciler) {
    follow(reconciler);
    const Datapath& datapath = reconciler.datapath();
    TRY(auto slots, outgoing_.all_slots(datapath.flows(), datapath.maps()));
    std::deque<Exceptions> all(std::make_move_iterator(slots.begin()), std::make_move_iterator(slots.end()));
    const Planned& planned = *reconciler.planner().planned();
    for (const Service& service : planned.services) {
        if (own_slots(service, reconciler.image()).empty()) continue;
        Exceptions& message = all.emplace_back();
        message.services = {service.name};
        tell_table(table_input(service, reconciler.image().ids.at(service.name), planned.health).ring, message);
    }
    return all;
}

std::function<Result<std::optional<Exceptions>>()> Exchange::everything(Reconciler& reconciler) {
    struct Story {
        std::deque<Exceptions> messages;
        std::size_t bucket = 0;
        std::size_t buckets = 0;
        bool is_begun = false;
    };
    return [this, &reconciler, story = Story()]() mutable -> Result<std::optional<Exceptions>> {
        if (!reconciler.planner().planned()) return std::nullopt;
        const Datapath& datapath = reconciler.datapath();
        if (!std::exchange(story.is_begun, true)) {
            TRY(story.messages, slots_and_tables(reconciler));
        }
        follow(reconciler);
        while (story.messages.empty()) {
            const std::size_t size = datapath.flows().table().size();
            if (std::exchange(story.buckets, size) != size) story.bucket = 0;  // entries have moved
            if (story.bucket == size || outgoing_.empty()) return std::nullopt;
            CHECK_OK(outgoing_.tell_flows_from(story.bucket, datapath.flows(), datapath.maps(), buckets_at_once,
                                               [&](const Exceptions& one) { story.messages.push_back(one); }));
        }
        Exceptions next = std::move(story.messages.front());
        story.messages.pop_front();
        return next;
    };
}

Result<> Exchange::take_in(Reconciler& reconciler, bool flows_only) {
    if (!reconciler.planner().planned()) return {};
    follow(reconciler);
    FlowMap& flows = reconciler.datapath().flows();
    if (incoming_.empty() || flows.part().is_changing()) return {};
    const InForce own = in_force(reconciler);
    CHECK_OK(incoming_.enter_flows(own, flows, outgoing_));
    return flows_only ? Result<>{} : begin_slots(reconciler);
}

Result<> Exchange::begin_slots(Reconciler& reconciler) {
    Datapath& datapath = reconciler.datapath();
    TRY(const std::uint16_t now, datapath.flows().long_now());
    const InForce own = in_force(reconciler);
    auto wanted = incoming_.slots(own, datapath.flows().clock(), now, joins_);
    const auto use = [&](const SlotsToBegin& one) {
        for (const MovingSlot& slot : one.slots) {
            const MovingSlot begun = begin_slot(datapath.maps().transition(one.line), slot);
            // The others must know that one who joins may need their connections for another while.
            if (!one.begin || !joins_) outgoing_.heard(one.line, begun);
        }
    };
    // First the times: a new transition takes them over from the one that it replaces.
    for (const SlotsToBegin& one : wanted)
        if (!one.begin) use(one);
    std::optional<Image> next;
    Result<> outcome;
    for (SlotsToBegin& one : wanted) {
        if (!one.needs_line) continue;
        if (!next) next = reconciler.image();
        const auto line = begin_transition(one.services, one.table, one.line, one.number,
                                           datapath.build().limits.transition_lines, reconciler.image(), *next);
        if (!line) outcome = tl::unexpected(line.error());
        one.line = line.value_or(0);
    }
    if (next) {
        CHECK_OK(reconciler.begin_transitions(*std::move(next)));
        follow(reconciler);
    }
    for (const SlotsToBegin& one : wanted)
        if (one.begin && one.line != 0) use(one);
    return outcome;
}

}  // namespace culvert::lbd
