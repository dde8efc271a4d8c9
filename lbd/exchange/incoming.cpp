// SPDX-License-Identifier: Apache-2.0
#include "lbd/exchange/incoming.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <compare>
#include <span>
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

constexpr std::size_t most_at_once = 1U << 20;  // bytes: the event loop has other work
constexpr std::size_t most_kept = 1U << 22;     // bytes

/// About how much memory a message takes.
std::size_t size_of(const Exceptions& exceptions) {
    const auto names = [](const std::vector<std::string>& list) {
        std::size_t size = 0;
        for (const std::string& name : list) size += sizeof name + name.size();
        return size;
    };
    return sizeof exceptions + names(exceptions.services) + names(exceptions.backends) +
           exceptions.moving.size() * sizeof exceptions.moving[0] +
           exceptions.records.size() * sizeof exceptions.records[0];
}

bool is_readable(const Exceptions& exceptions, const FlowMap& flows) {
    return std::has_single_bit(exceptions.buckets) && flows.capacity() / exceptions.buckets <= most_copies;
}

/// What the table has here for each of the backends that another balancer names.
using Values = std::vector<std::uint16_t>;

/// Services of which another balancer has told, and their slots here.
class ToldSlots {
  public:
    /// `table_size`: as configured.
    ToldSlots(const Exceptions& told, const InForce& own, const OwnSlots& slots, std::uint32_t table_size,
              std::span<const std::uint16_t> values)
        : told_(told),
          number_(number_of(slots, own.image)),
          table_(own.maps.ring(slots.table.line, slots.table.size)),
          is_alike_(number_ == slots.table.size),
          values_(values) {
        // No backend takes new flows here.
        if (number_ == 0) number_ = table_size;
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
    bool is_alike_;  // the table has the same slots
    std::span<const std::uint16_t> values_;
};

/// What is told of a service.
struct ToldOf {
    std::vector<std::size_t> messages;
    Values values;  ///< of their backends, one after the other
    auto operator<=>(const ToldOf&) const = default;
};
struct WantedSlots {
    std::vector<const Service*> services;
    OwnSlots slots;
    ToldSlots::Wanted wanted;
};

/// Services that are to have the same slots in transition share them.
std::vector<SlotsToBegin> grouped(const std::vector<WantedSlots>& all_wanted, const InForce& own, std::uint16_t now,
                                  bool joins) {
    std::map<std::tuple<OwnSlots, std::uint32_t, std::vector<MovingSlot>>, std::vector<const Service*>> groups;
    std::vector<SlotsToBegin> all;
    constexpr std::uint16_t none = LB_NO_FORMER;
    for (const auto& [services, slots, wanted] : all_wanted) {
        std::vector<MovingSlot> known, begun;
        for (const auto& [slot, moving] : wanted.slots) {
            if (slots.line != 0 && is_moving(own.maps.transition(slots.line), slot))
                known.push_back({.slot = slot, .former = joins ? moving.former : none, .used = moving.used});
            else  // what the sweep has seen until now says nothing about it
                begun.push_back({.slot = slot, .former = moving.former, .used = now});
        }
        if (!known.empty())
            all.push_back({.services = services, .table = slots.table, .line = slots.line, .slots = std::move(known)});
        auto& group = groups[{slots, wanted.number, std::move(begun)}];
        group.insert(group.end(), services.begin(), services.end());
    }
    for (const auto& [key, services] : groups) {
        const auto& [slots, number, begun] = key;
        if (begun.empty()) continue;
        // Connections without an entry stay with the present backend, so it makes no difference to others with the
        // table.
        const bool is_others = joins && slots.line != 0 && own.image.transitions.at(slots.line).users > services.size();
        const bool needs_line = slots.line == 0 || is_others;
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

std::string_view Incoming::backend_of(std::uint32_t dest, const Image& image) {
    if (names_.empty())
        for (const auto& [service, ids] : image.ids)
            for (const auto& [id, name] : ids.backends) {
                if (id >= names_.size()) names_.resize(id + 1UL);
                names_[id] = name;
            }
    return dest < names_.size() ? std::string_view(names_[dest]) : std::string_view();
}

Preference Incoming::compare(std::uint64_t own, Choice choice, const Told& told, const Image& image,
                             std::uint16_t now) {
    const Flow ours = decode_flow(own), theirs = decode_flow(told.entry.entry);
    const auto candidate = [&](const Flow& flow, Choice of) {
        return FlowClaim{.backend = ours.dest == theirs.dest ? "" : backend_of(flow.dest, image),
                         .choice = of,
                         .age = FlowClock::age(flow.time, now),
                         .lasted = static_cast<std::uint8_t>(LB_FLOW_AGE_OF(unsigned{flow.state}))};
    };
    return preference(candidate(ours, choice), candidate(theirs, told.choice));
}

void Incoming::enter(const Told& told, const Image& image, std::uint16_t now, FlowMap& flows, Outgoing& outgoing) {
    KnownFlows& known = outgoing.known_flows(flows);
    Choice own;
    Preference preferred;
    flows.enter(
        told.entry, now,
        [&](std::size_t place, std::uint64_t entry) {
            own = known.choice(place, entry);
            preferred = compare(entry, own, told, image, now);
            return preferred.is_foreign;
        },
        [&](std::size_t place, std::uint64_t entry, bool is_foreign) {
            if (entry == 0) own = {};
            if (is_foreign) {
                known.heard(place, told.entry.entry, preferred.is_same ? own.merged(told.choice) : told.choice);
                entered_.push_back({.place = place, .own = entry, .choice = own, .told = told});
            } else if (preferred.is_same) {
                known.agreed(place, entry, told.choice);
            } else if (preferred.is_final) {
                known.tell_again(place, entry);
            }
        });
}

Result<> Incoming::enter_again(const Image& image, FlowMap& flows, Outgoing& outgoing) {
    if (flows.part().is_changing()) return {};  // later: an entry may have two places
    TRY(const std::uint16_t now, flows.now());
    const auto table = flows.table();
    for (const auto& [place, own, choice, told] : std::exchange(entered_, {})) {
        if (place / LB_FLOW_WAYS >= table.size()) continue;
        const std::uint64_t entry =
            std::atomic_ref(table[place / LB_FLOW_WAYS].entry[place % LB_FLOW_WAYS]).load(std::memory_order_relaxed);
        const Flow here = decode_flow(entry), wanted = decode_flow(told.entry.entry);
        const bool is_own = own != 0 && here.dest == decode_flow(own).dest && here.dest != wanted.dest;
        // Otherwise the flow would seem to have chosen it again.
        if (here.tag == wanted.tag && is_own) outgoing.known_flows(flows).heard(place, entry, choice);
        if (here.tag != wanted.tag || is_own) enter(told, image, now, flows, outgoing);
    }
    return {};
}

Result<> Incoming::enter_flows(const InForce& own, FlowMap& flows, Outgoing& outgoing) {
    CHECK_OK(enter_again(own.image, flows, outgoing));
    if (flows.part().is_changing()) return {};
    TRY(const std::uint16_t now, flows.now());
    for (std::size_t size = 0; size < most_at_once && !taken_.empty(); taken_.pop_front()) {
        size += size_of(taken_.front());
        batch_.push_back(std::move(taken_.front()));
    }
    for (Exceptions& exceptions : batch_) {
        const auto records = std::exchange(exceptions.records, {});
        const Backends* backends = backends_of(exceptions.services.front(), own.image);
        if (records.empty() || !is_readable(exceptions, flows)) continue;
        if (backends == nullptr) {
            keep({.services = {exceptions.services.front()},
                  .backends = exceptions.backends,
                  .buckets = exceptions.buckets,
                  .records = records});
            continue;
        }
        std::vector<Exceptions::Record> unknown;
        std::vector<std::uint32_t> dests;
        for (const std::string& name : exceptions.backends) {
            const auto known = backends->find(name);
            dests.push_back(known == backends->end() ? 0 : known->second);
        }
        for (const Exceptions::Record& record : records) {
            if (std::chrono::seconds(record.age) > longest_idle) continue;
            const std::uint32_t dest = record.backend < dests.size() ? dests[record.backend] : 0;
            if (dest == 0) {
                unknown.push_back(record);
                continue;
            }
            const auto time = static_cast<std::uint16_t>(
                (now - flows.clock().whole_units(std::chrono::seconds(record.age))) & LB_FLOW_TIME_MAX);
            const std::uint64_t entry =
                std::uint64_t{time} << LB_FLOW_TIME_SHIFT | std::uint64_t{dest} << LB_FLOW_DEST_SHIFT | record.tag;
            enter(
                {.entry = {.entry = entry, .low = record.low, .buckets = exceptions.buckets}, .choice = record.choice},
                own.image, now, flows, outgoing);
        }
        keep({.services = {exceptions.services.front()},
              .backends = exceptions.backends,
              .buckets = exceptions.buckets,
              .records = std::move(unknown)});
    }
    return {};
}

void Incoming::keep(Exceptions exceptions) {
    if (exceptions.records.empty() && exceptions.moving.empty()) return;
    kept_size_ += size_of(exceptions);
    kept_.push_back({.exceptions = std::move(exceptions), .since = std::chrono::steady_clock::now()});
    while (kept_size_ > most_kept) {
        kept_size_ -= size_of(kept_.front().exceptions);
        kept_.pop_front();
    }
}

void Incoming::follow() {
    backends_.clear();
    services_.clear();
    names_.clear();
    const auto now = std::chrono::steady_clock::now();
    const auto aged = [](std::uint16_t age, std::chrono::seconds passed) {
        return static_cast<std::uint16_t>(std::min<std::int64_t>(age + passed.count(), UINT16_MAX));
    };
    for (auto& [exceptions, since] : std::exchange(kept_, {})) {
        const auto passed = std::chrono::ceil<std::chrono::seconds>(now - since);
        for (Exceptions::Record& record : exceptions.records) record.age = aged(record.age, passed);
        for (Exceptions::Slot& slot : exceptions.moving) slot.age = aged(slot.age, passed);
        taken_.push_back(std::move(exceptions));
    }
    kept_size_ = 0;
}

const Service* Incoming::service_of(const std::string& name, const Services& services) {
    if (services_.empty())
        for (const Service& service : services) services_.emplace(service.name, &service);
    const auto known = services_.find(name);
    return known == services_.end() ? nullptr : known->second;
}

std::vector<SlotsToBegin> Incoming::slots(const InForce& own, const FlowClock& clock, std::uint16_t now, bool joins) {
    const auto taken = std::exchange(batch_, {});
    std::map<std::pair<const Service*, OwnSlots>, ToldOf> told_of;
    for (std::size_t index = 0; index < taken.size(); ++index) {
        const Exceptions& told = taken[index];
        if (told.moving.empty() && (!joins || told.table_size == 0)) continue;
        Exceptions unknown{.services = {}, .backends = told.backends, .slots = told.slots, .moving = told.moving};
        for (const std::string& name : told.services) {
            const Service* service = service_of(name, own.services);
            const Backends* backends = backends_of(name, own.image);
            if (service == nullptr || backends == nullptr) {
                unknown.services.push_back(name);
                continue;
            }
            const std::uint32_t base = own.image.ids.at(name).base;
            for (const OwnSlots& slots : own_slots(*service, own.image)) {
                auto& [messages, values] = told_of[{service, slots}];
                messages.push_back(index);
                for (const std::string& backend : told.backends) {
                    const auto id = backends->find(backend);
                    values.push_back(id == backends->end() ? std::uint16_t{LB_NO_FORMER}
                                                           : static_cast<std::uint16_t>(id->second - base));
                }
            }
        }
        if (!unknown.services.empty()) keep(unknown);
    }
    // Services that share table and backends are told of together, and looked at once.
    std::map<std::pair<OwnSlots, ToldOf>, std::vector<const Service*>> alike;
    for (auto& [of, told] : told_of) alike[{of.second, std::move(told)}].push_back(of.first);
    std::vector<WantedSlots> all;
    for (const auto& [key, services] : alike) {
        const auto& [slots, told] = key;
        WantedSlots& one = all.emplace_back(WantedSlots{.services = services, .slots = slots, .wanted = {}});
        std::span<const std::uint16_t> values = told.values;
        for (const std::size_t index : told.messages) {
            const ToldSlots message(taken[index], own, slots, services.front()->table_size,
                                    values.first(taken[index].backends.size()));
            values = values.subspan(taken[index].backends.size());
            message.want_moving(clock, now, joins, one.wanted);
            if (!joins) continue;
            const ServiceIds& ids = own.image.ids.at(services.front()->name);
            message.want_others(table_input(*services.front(), ids, own.health).ring, now, one.wanted);
        }
    }
    return grouped(all, own, now, joins);
}

}  // namespace culvert::lbd
