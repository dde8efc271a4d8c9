// SPDX-License-Identifier: Apache-2.0
#include "lbd/exchange/outgoing.hpp"

#include <algorithm>
#include <atomic>

#include "lbd/datapath/flow_moves.hpp"
#include "lbd/datapath/flow_table.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;

constexpr std::size_t most_records = 4096;  // of one message

/// Messages about flows, one for each service.
class Messages {
  public:
    Messages(const std::vector<TrackedService>& services, std::size_t buckets, const Outgoing::Tell& tell)
        : services_(services), buckets_(static_cast<std::uint32_t>(buckets)), tell_(tell) {}

    void add(std::uint32_t service, Exceptions::Record record) {
        auto& [message, known] = begun_[service];
        const auto index = static_cast<std::uint16_t>(message.backends.size());
        const auto [backend, is_new] = known.try_emplace(record.backend, index);
        if (is_new) message.backends.push_back(services_[service].backends[record.backend]);
        record.backend = backend->second;
        message.records.push_back(record);
        if (message.records.size() == most_records) send(service);
    }
    void send_all() {
        while (!begun_.empty()) send(begun_.begin()->first);
    }

  private:
    struct Begun {
        Exceptions message;
        std::map<std::uint16_t, std::uint16_t> known;  ///< indexes in its backends, by those of the service
    };

    void send(std::uint32_t service) {
        Exceptions message = std::move(begun_.at(service).message);
        begun_.erase(service);
        message.services = {services_[service].name};
        message.buckets = buckets_;
        tell_(message);
    }

    const std::vector<TrackedService>& services_;
    std::uint32_t buckets_;
    const Outgoing::Tell& tell_;
    std::map<std::uint32_t, Begun> begun_;
};

std::uint16_t seconds(const FlowClock& clock, std::uint16_t units) {
    return static_cast<std::uint16_t>(std::min<std::chrono::seconds::rep>(clock.duration(units).count(), UINT16_MAX));
}

/// Since a slot was used, in units of FlowClock.
std::uint16_t slot_age(std::uint16_t used, std::uint16_t now) {
    return static_cast<std::uint16_t>(std::max<std::int16_t>(static_cast<std::int16_t>(now - used), 0));
}

bool is_exception(const Flow& flow, const TrackedService& service, const Tracked& tracked, const ImageMaps& maps) {
    return service.each || std::ranges::any_of(service.lines, [&](std::uint32_t index) {
               const TrackedLine& one = tracked.lines[index];
               return is_moving(maps.transition(one.line), static_cast<std::uint32_t>(lb_slot(flow.tag, one.slots)));
           });
}

/// Calls `use` for each entry that others must know of, with its place and its service. Of an entry of a single packet
/// they must know if they know its flow: it has another backend now.
template <typename Use>
void for_each_exception(std::span<lb_bucket> buckets, std::size_t first, const Tracked& tracked, const ImageMaps& maps,
                        const KnownFlows& known, const Use& use) {
    for (std::size_t i = 0; i < buckets.size(); ++i)
        for (std::size_t way = 0; way < LB_FLOW_WAYS; ++way) {
            const std::uint64_t entry = std::atomic_ref(buckets[i].entry[way]).load(std::memory_order_relaxed);
            if (entry == 0) continue;
            const Flow flow = decode_flow(entry);
            if (flow.dest >= tracked.by_dest.size()) continue;
            const Tracked::Place& of = tracked.by_dest[flow.dest];
            if (of.service == 0 || !is_exception(flow, tracked.services[of.service - 1], tracked, maps)) continue;
            const std::size_t place = (first + i) * LB_FLOW_WAYS + way;
            if ((flow.state & LB_FLOW_SEEN) != 0 || known.is_known(place, entry)) use(place, entry, of);
        }
}

Exceptions::Record record_of(std::uint64_t entry, std::size_t place, std::uint16_t backend, Choice choice,
                             const FlowMap& flows, std::uint16_t now) {
    const Flow flow = decode_flow(entry);
    return {.low = static_cast<std::uint32_t>(place / LB_FLOW_WAYS) & known_of_hash(flows.capacity()),
            .tag = static_cast<std::uint32_t>(entry),
            .backend = backend,
            .age = seconds(flows.clock(), FlowClock::age(flow.time, now)),
            .choice = choice};
}

Exceptions about_slots(const TrackedLine& line, const Tracked& tracked) {
    Exceptions about{.services = {},
                     .backends = tracked.services[line.services.front()].backends,
                     .slots = line.slots,
                     .moving = {},
                     .buckets = 0,
                     .records = {}};
    for (const std::uint32_t service : line.services) about.services.push_back(tracked.services[service].name);
    return about;
}

Exceptions::Slot slot_of(std::uint32_t slot, const Slots& slots, const TrackedService& service, const FlowClock& clock,
                         std::uint16_t now) {
    const std::uint16_t value = slots.former[slot];
    return {.slot = slot,
            .former = value < service.by_value.size() ? service.by_value[value] : std::uint16_t{LB_NO_FORMER},
            .age = seconds(clock, slot_age(slots.used[slot], now))};
}

/// Whether a destination belongs to another service or backend, by its name.
bool renames(const Tracked& before, const Tracked& after) {
    const std::size_t both = std::min(before.by_dest.size(), after.by_dest.size());
    for (std::size_t dest = 0; dest < both; ++dest) {
        const auto &was = before.by_dest[dest], &is = after.by_dest[dest];
        if (was.service == 0 || is.service == 0) continue;
        const TrackedService &old = before.services[was.service - 1], &now = after.services[is.service - 1];
        if (old.name != now.name || old.backends[was.backend] != now.backends[is.backend]) return true;
    }
    return false;
}

}  // namespace

void Outgoing::follow(Tracked tracked) {
    // Who was told of an entry by another name does not know it by the present one.
    if (renames(tracked_, tracked)) known_.tell_all_again();
    tracked_ = std::move(tracked);
    next_line_ = 0;
    std::erase_if(told_slots_, [&](const auto& told) {
        return std::ranges::find(tracked_.lines, told.first, &TrackedLine::line) == tracked_.lines.end();
    });
}

bool Outgoing::has_transitions() const { return !tracked_.lines.empty(); }

Result<> Outgoing::tell_flows(const FlowMap& flows, const ImageMaps& maps, std::size_t most, const Tell& tell) {
    if (flows.part().is_changing()) return {};  // entries have two places
    (void)known_flows(flows);
    TRY(const std::uint16_t now, flows.now());
    const auto table = flows.table();
    Messages messages(tracked_.services, flows.capacity(), tell);
    const std::size_t first = next_, count = std::min(most, table.size() - first);
    for_each_exception(table.subspan(first, count), first, tracked_, maps, known_,
                       [&](std::size_t place, std::uint64_t entry, const Tracked::Place& of) {
                           known_.keep(place, entry);
                           if (!known_.is_news(place, entry, now, tracked_.services[of.service - 1].refresh)) return;
                           const Choice choice = known_.told(place, entry);
                           messages.add(of.service - 1, record_of(entry, place, of.backend, choice, flows, now));
                       });
    next_ = first + count == table.size() ? 0 : first + count;
    if (next_ == 0) known_.has_followed();
    messages.send_all();
    return {};
}

Result<bool> Outgoing::tell_slots(const FlowMap& flows, const ImageMaps& maps, std::size_t most, const Tell& tell) {
    TRY(const std::uint16_t now, flows.long_now());
    for (std::size_t looked_at = 0; looked_at < most && next_line_ < tracked_.lines.size(); ++next_line_) {
        const TrackedLine& line = tracked_.lines[next_line_];
        const TrackedService& service = tracked_.services[line.services.front()];
        const Slots slots = read_slots(maps.transition(line.line));
        looked_at += line.slots;
        auto& told = told_slots_[line.line];
        told.resize(line.slots);
        Exceptions message = about_slots(line, tracked_);
        for (std::uint32_t slot = 0; slot < line.slots; ++slot) {
            Told& one = told[slot];
            const Told present{.former = slots.former[slot], .used = slots.used[slot], .is_moving = slots.moving[slot]};
            const bool is_known =
                one.former == present.former && (one.used == present.used || slot_age(one.used, now) < line.refresh);
            // The others leave a former backend by themselves.
            const bool is_left = present.former == LB_NO_FORMER;
            if (one.is_moving == present.is_moving && (is_known || is_left)) continue;
            one = present;
            if (present.is_moving) message.moving.push_back(slot_of(slot, slots, service, flows.clock(), now));
        }
        if (!message.moving.empty()) tell(message);
    }
    if (next_line_ < tracked_.lines.size()) return false;
    next_line_ = 0;
    return true;
}

Result<std::vector<Exceptions>> Outgoing::all_slots(const FlowMap& flows, const ImageMaps& maps) const {
    TRY(const std::uint16_t now, flows.long_now());
    std::vector<Exceptions> all;
    for (const TrackedLine& line : tracked_.lines) {
        const TrackedService& service = tracked_.services[line.services.front()];
        const Slots slots = read_slots(maps.transition(line.line));
        Exceptions& message = all.emplace_back(about_slots(line, tracked_));
        for (std::uint32_t slot = 0; slot < line.slots; ++slot)
            if (slots.moving[slot]) message.moving.push_back(slot_of(slot, slots, service, flows.clock(), now));
    }
    return all;
}

Result<> Outgoing::tell_flows_from(std::size_t& next, const FlowMap& flows, const ImageMaps& maps, std::size_t most,
                                   const Tell& tell) {
    (void)known_flows(flows);
    TRY(const std::uint16_t now, flows.now());
    Messages messages(tracked_.services, flows.capacity(), tell);
    const auto table = flows.table();
    const std::size_t first = std::min(next, table.size()), count = std::min(most, table.size() - first);
    for_each_exception(table.subspan(first, count), first, tracked_, maps, known_,
                       [&](std::size_t place, std::uint64_t entry, const Tracked::Place& of) {
                           if (known_.is_others(place, entry)) return;
                           messages.add(of.service - 1,
                                        record_of(entry, place, of.backend, known_.choice(place, entry), flows, now));
                       });
    messages.send_all();
    next = first + count;
    return {};
}

KnownFlows& Outgoing::known_flows(const FlowMap& flows) {
    if (known_.follow(flows.part(), flows.capacity())) next_ = 0;
    return known_;
}

void Outgoing::heard(std::uint32_t line, const MovingSlot& slot) {
    auto& told = told_slots_[line];
    if (told.size() <= slot.slot) told.resize(slot.slot + 1UL);
    told[slot.slot] = {.former = slot.former, .used = slot.used, .is_moving = true};
}

}  // namespace culvert::lbd
