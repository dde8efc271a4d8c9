// SPDX-License-Identifier: Apache-2.0
#include "lbd/exchange/incoming.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <tuple>

#include "lbd/datapath/flow_table.hpp"
#include "lbd/datapath/transition_map.hpp"
#include "lbd/exchange/tables.hpp"
#include "lbd/plan/plan.hpp"
#include "lbd/plan/slots.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;

/// An entry is copied to each bucket that it may belong to. In a table that is so much larger it would fill too many.
constexpr std::size_t most_copies = 16;

constexpr std::size_t most_kept = 1U << 16;  // records: 1 MiB

bool is_readable(const Exceptions& exceptions, const FlowMap& flows) {
    return std::has_single_bit(exceptions.buckets) && flows.capacity() / exceptions.buckets <= most_copies;
}

/// A service of which another balancer has told, and its slots here.
class ToldService {
  public:
    ToldService(const Exceptions& told, const InForce& own, const Service& service, const OwnSlots& slots)
        : told_(told),
          number_(number_of(slots, own.image)),
          table_(own.maps.ring(slots.table.line, slots.table.size)),
          is_alike_(number_ == slots.table.size) {
        // No backend takes new flows here.
        if (number_ == 0) number_ = told.slots != 0 ? told.slots : told.table_size;
        const ServiceIds& ids = own.image.ids.at(service.name);
        for (const std::string& backend : told.backends) {
            const auto id = ids.current(backend);
            values_.push_back(id ? static_cast<std::uint16_t>(*id - ids.base) : std::uint16_t{LB_NO_FORMER});
        }
    }

    struct Wanted {
        std::uint32_t number = 0;  ///< of slots
        std::map<std::uint32_t, MovingSlot> slots;
    };

    /// The slots that are in transition there. `joins`: with their former backends.
    void want_moving(const FlowClock& clock, std::uint16_t now, bool joins, Wanted& wanted) const {
        for (const Exceptions::Slot& one : told_.moving) {
            const bool knows = joins && is_alike_ && number_ == told_.slots;
            const std::uint16_t former = knows ? value(one.former) : std::uint16_t{LB_NO_FORMER};
            // A slot that has no former backend there says nothing about when it was used.
            const std::uint16_t age = one.former == LB_NO_FORMER ? std::uint16_t{INT16_MAX / 2}
                                                                 : clock.whole_units(std::chrono::seconds(one.age));
            const auto used = static_cast<std::uint16_t>(now - age);
            // If the tables differ in size, these slots have connections of that slot.
            const std::uint64_t last = ((one.slot + 1ULL) * number_ - 1) / told_.slots;
            for (std::uint64_t slot = one.slot * number_ / told_.slots; slot <= last && slot < number_; ++slot)
                want({.slot = static_cast<std::uint32_t>(slot), .former = former, .used = used}, wanted);
        }
    }
    /// The slots that another backend has there.
    void want_others(const Ring& ring, std::uint16_t now, Wanted& wanted) const {
        const auto theirs = other_table(told_, ring);
        if (!is_alike_ || theirs.size() != number_) return;
        for (std::uint32_t slot = 0; slot < number_; ++slot)
            if (const std::uint16_t former = value(theirs[slot]);
                former != LB_NO_FORMER && (table_.empty() || former != table_[slot]))
                want({.slot = slot, .former = former, .used = now}, wanted);
    }

  private:
    [[nodiscard]] std::uint16_t value(std::uint16_t backend) const {
        return backend < values_.size() ? values_[backend] : std::uint16_t{LB_NO_FORMER};
    }
    void want(MovingSlot moving, Wanted& wanted) const {
        if (moving.former == LB_NO_FORMER) moving.former = entry_at(table_, moving.slot, number_);
        wanted.number = static_cast<std::uint32_t>(number_);
        const auto [known, is_new] = wanted.slots.emplace(moving.slot, moving);
        if (!is_new && static_cast<std::int16_t>(moving.used - known->second.used) > 0)
            known->second.used = moving.used;
    }

    const Exceptions& told_;
    std::uint64_t number_;
    MaglevTable table_;
    bool is_alike_;                      // the table has the same slots
    std::vector<std::uint16_t> values_;  // here, of its backends
};

using WantedSlots = std::map<std::pair<const Service*, OwnSlots>, ToldService::Wanted>;

/// Services that are to have the same slots in transition share them.
std::vector<SlotsToBegin> grouped(const WantedSlots& of_services, const InForce& own, std::uint16_t now, bool joins) {
    std::map<std::tuple<OwnSlots, std::uint32_t, std::vector<MovingSlot>>, std::vector<const Service*>> groups;
    std::vector<SlotsToBegin> all;
    constexpr std::uint16_t none = LB_NO_FORMER;
    for (const auto& [of, wanted] : of_services) {
        const auto& [service, slots] = of;
        std::vector<MovingSlot> known, begun;
        for (const auto& [slot, moving] : wanted.slots) {
            if (slots.line != 0 && is_moving(own.maps.transition(slots.line), slot))
                known.push_back({.slot = slot, .former = joins ? moving.former : none, .used = moving.used});
            else  // what the sweep has seen until now says nothing about it
                begun.push_back({.slot = slot, .former = moving.former, .used = now});
        }
        if (!known.empty())
            all.push_back({.services = {service}, .table = slots.table, .line = slots.line, .slots = std::move(known)});
        if (!begun.empty()) groups[{slots, wanted.number, std::move(begun)}].push_back(service);
    }
    for (const auto& [key, services] : groups) {
        const auto& [slots, number, begun] = key;
        const bool needs_line = slots.line == 0 || own.image.transitions.at(slots.line).users > services.size();
        all.push_back({.services = services,
                       .table = slots.table,
                       .line = slots.line,
                       .begin = true,
                       .needs_line = needs_line,
                       .number = number,
                       .slots = begun});
    }
    return all;
}

}  // namespace

const Incoming::Backends* Incoming::backends_of(const std::string& service, const Image& image) {
    const auto ids = image.ids.find(service);
    if (ids == image.ids.end()) return nullptr;
    const auto [known, is_new] = backends_.try_emplace(service);
    if (is_new)
        for (const auto& [id, name] : ids->second.backends)
            if (ids->second.in_block(id)) known->second[name] = id;
    return &known->second;
}

void Incoming::enter(const ForeignEntry& foreign, std::uint16_t now, FlowMap& flows, Outgoing& outgoing,
                     std::vector<Entered>* entered) const {
    flows.enter(foreign, now, [&](std::size_t place, std::uint64_t entry, bool is_foreign) {
        if (is_foreign) outgoing.heard(flows, place, entry);
        if (entered != nullptr) entered->push_back({.place = place, .foreign = foreign});
    });
}

Result<> Incoming::enter_flows(const InForce& own, FlowMap& flows, Outgoing& outgoing) {
    if (flows.part().is_changing()) return {};  // later: an entry may have two places
    TRY(const std::uint16_t now, flows.now());
    const auto table = flows.table();
    for (const auto& [place, foreign] : std::exchange(entered_, {})) {
        if (place / LB_FLOW_WAYS >= table.size()) continue;
        const std::uint64_t entry =
            std::atomic_ref(table[place / LB_FLOW_WAYS].entry[place % LB_FLOW_WAYS]).load(std::memory_order_relaxed);
        if (decode_flow(entry).tag != decode_flow(foreign.entry).tag) enter(foreign, now, flows, outgoing, nullptr);
    }
    for (Exceptions& exceptions : taken_) {
        const auto records = std::exchange(exceptions.records, {});
        const Backends* backends = backends_of(exceptions.service, own.image);
        if (records.empty() || !is_readable(exceptions, flows)) continue;
        if (backends == nullptr) {
            keep(exceptions, records);
            continue;
        }
        std::vector<Exceptions::Record> unknown;
        std::vector<std::uint32_t> dests;
        for (const std::string& name : exceptions.backends) {
            const auto known = backends->find(name);
            dests.push_back(known == backends->end() ? 0 : known->second);
        }
        for (const Exceptions::Record& record : records) {
            const std::uint32_t dest = record.backend < dests.size() ? dests[record.backend] : 0;
            if (dest == 0) {
                unknown.push_back(record);
                continue;
            }
            const auto time = static_cast<std::uint16_t>(
                (now - flows.clock().whole_units(std::chrono::seconds(record.age))) & LB_FLOW_TIME_MAX);
            enter({.entry = std::uint64_t{time} << LB_FLOW_TIME_SHIFT | std::uint64_t{dest} << LB_FLOW_DEST_SHIFT |
                            record.tag,
                   .low = record.low,
                   .buckets = exceptions.buckets},
                  now, flows, outgoing, &entered_);
        }
        if (!unknown.empty()) keep(exceptions, std::move(unknown));
    }
    return {};
}

void Incoming::keep(const Exceptions& exceptions, std::vector<Exceptions::Record> records) {
    kept_records_ += records.size();
    kept_.push_back({.exceptions = {.service = exceptions.service,
                                    .backends = exceptions.backends,
                                    .buckets = exceptions.buckets,
                                    .records = std::move(records)},
                     .since = std::chrono::steady_clock::now()});
    while (kept_records_ > most_kept) {
        kept_records_ -= kept_.front().exceptions.records.size();
        kept_.pop_front();
    }
}

void Incoming::follow() {
    backends_.clear();
    const auto now = std::chrono::steady_clock::now();
    for (auto& [exceptions, since] : std::exchange(kept_, {})) {
        const auto passed = std::chrono::duration_cast<std::chrono::seconds>(now - since);
        if (passed > longest_idle) continue;
        for (Exceptions::Record& record : exceptions.records)
            record.age = static_cast<std::uint16_t>(std::min<std::int64_t>(record.age + passed.count(), UINT16_MAX));
        taken_.push_back(std::move(exceptions));
    }
    kept_records_ = 0;
}

std::vector<SlotsToBegin> Incoming::slots(const InForce& own, const FlowClock& clock, std::uint16_t now, bool joins) {
    std::map<std::string_view, const Service*> by_name;
    WantedSlots wanted;
    const auto taken = std::exchange(taken_, {});
    for (const Exceptions& told : taken) {
        if (told.moving.empty() && (!joins || told.table_size == 0)) continue;
        if (by_name.empty())
            for (const Service& service : own.services) by_name.emplace(service.name, &service);
        const auto known = by_name.find(told.service);
        if (known == by_name.end()) continue;
        const Service& service = *known->second;
        for (const OwnSlots& slots : own_slots(service, own.image)) {
            const ToldService one(told, own, service, slots);
            auto& of_service = wanted[{&service, slots}];
            one.want_moving(clock, now, joins, of_service);
            if (!joins) continue;
            one.want_others(table_input(service, own.image.ids.at(service.name), own.health).ring, now, of_service);
        }
    }
    return grouped(wanted, own, now, joins);
}

}  // namespace culvert::lbd
