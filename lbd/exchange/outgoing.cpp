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

    void add(std::uint32_t service, const Exceptions::Record& record) {
        Exceptions& message = begun_[service];
        message.records.push_back(record);
        if (message.records.size() == most_records) send(service);
    }
    void send_all() {
        while (!begun_.empty()) send(begun_.begin()->first);
    }

  private:
    void send(std::uint32_t service) {
        Exceptions message = std::move(begun_.at(service));
        begun_.erase(service);
        message.service = services_[service].name;
        message.backends = services_[service].backends;
        message.buckets = buckets_;
        tell_(message);
    }

    const std::vector<TrackedService>& services_;
    std::uint32_t buckets_;
    const Outgoing::Tell& tell_;
    std::map<std::uint32_t, Exceptions> begun_;
};

std::uint16_t seconds(const FlowClock& clock, std::uint16_t units) {
    return static_cast<std::uint16_t>(std::min<std::chrono::seconds::rep>(clock.duration(units).count(), UINT16_MAX));
}

/// Since a slot was used, in units of FlowClock.
std::uint16_t slot_age(std::uint16_t used, std::uint16_t now) {
    return static_cast<std::uint16_t>(std::max<std::int16_t>(static_cast<std::int16_t>(now - used), 0));
}

bool is_exception(const Flow& flow, const TrackedService& service, const ImageMaps& maps) {
    if ((flow.state & LB_FLOW_SEEN) == 0) return false;
    return service.each || std::ranges::any_of(service.lines, [&](const TrackedService::Line& one) {
               return is_moving(maps.transition(one.line), static_cast<std::uint32_t>(lb_slot(flow.tag, one.slots)));
           });
}

/// Calls `use` for each entry that others must know of, with its place and its service.
template <typename Use>
void for_each_exception(std::span<lb_bucket> buckets, std::size_t first, const Tracked& tracked, const ImageMaps& maps,
                        const Use& use) {
    for (std::size_t i = 0; i < buckets.size(); ++i)
        for (std::size_t way = 0; way < LB_FLOW_WAYS; ++way) {
            const std::uint64_t entry = std::atomic_ref(buckets[i].entry[way]).load(std::memory_order_relaxed);
            if (entry == 0) continue;
            const Flow flow = decode_flow(entry);
            if (flow.dest >= tracked.by_dest.size()) continue;
            const Tracked::Place& place = tracked.by_dest[flow.dest];
            if (place.service != 0 && is_exception(flow, tracked.services[place.service - 1], maps))
                use((first + i) * LB_FLOW_WAYS + way, entry, place);
        }
}

Exceptions::Record record_of(std::uint64_t entry, std::size_t place, std::uint16_t backend, const FlowMap& flows,
                             std::uint16_t now) {
    const Flow flow = decode_flow(entry);
    return {.low = static_cast<std::uint32_t>(place / LB_FLOW_WAYS) & known_of_hash(flows.capacity()),
            .tag = static_cast<std::uint32_t>(entry),
            .backend = backend,
            .age = seconds(flows.clock(), FlowClock::age(flow.time, now))};
}

std::uint64_t without_time(std::uint64_t entry) {
    // How long the flow has lasted is no news either.
    return entry & ((1ULL << LB_FLOW_TIME_SHIFT) - 1) & ~std::uint64_t{LB_FLOW_AGE_MAX * LB_FLOW_AGE};
}

Exceptions about_slots(const TrackedService& service, std::uint32_t slots) {
    return {.service = service.name,
            .backends = service.backends,
            .slots = slots,
            .moving = {},
            .buckets = 0,
            .records = {}};
}

Exceptions::Slot slot_of(std::uint32_t slot, const Slots& slots, const TrackedService& service, const FlowClock& clock,
                         std::uint16_t now) {
    const std::uint16_t value = slots.former[slot];
    return {.slot = slot,
            .former = value < service.by_value.size() ? service.by_value[value] : std::uint16_t{LB_NO_FORMER},
            .age = seconds(clock, slot_age(slots.used[slot], now))};
}

}  // namespace

void Outgoing::follow(Tracked tracked) {
    tracked_ = std::move(tracked);
    std::erase_if(told_slots_, [&](const auto& told) {
        const auto& [name, line] = told.first;
        const auto service = std::ranges::find(tracked_.services, name, &TrackedService::name);
        return service == tracked_.services.end() ||
               std::ranges::find(service->lines, line, &TrackedService::Line::line) == service->lines.end();
    });
}

bool Outgoing::has_transitions() const {
    return std::ranges::any_of(tracked_.services, [](const TrackedService& service) { return !service.lines.empty(); });
}

void Outgoing::fit(const FlowMap& flows) {
    const std::size_t places = flows.table().size() * LB_FLOW_WAYS;
    if (part_ == flows.part() && told_.size() == places) return;
    part_ = flows.part();
    told_.assign(places, 0);
    is_heard_.assign(places, false);
    next_ = 0;
}

bool Outgoing::is_news(std::uint64_t entry, std::size_t place, const TrackedService& service, std::uint16_t now) const {
    const std::uint64_t told = told_[place];
    if (told == entry) return false;
    if (without_time(told) != without_time(entry)) return true;
    const std::uint16_t then = decode_flow(told).time;
    return decode_flow(entry).time != then && FlowClock::age(then, now) >= service.refresh;
}

Result<> Outgoing::tell_flows(const FlowMap& flows, const ImageMaps& maps, std::size_t most, const Tell& tell) {
    if (flows.part().is_changing()) return {};  // entries have two places
    fit(flows);
    TRY(const std::uint16_t now, flows.now());
    const auto table = flows.table();
    Messages messages(tracked_.services, flows.capacity(), tell);
    const std::size_t first = next_, count = std::min(most, table.size() - first);
    for_each_exception(table.subspan(first, count), first, tracked_, maps,
                       [&](std::size_t place, std::uint64_t entry, const Tracked::Place& of) {
                           if (!is_news(entry, place, tracked_.services[of.service - 1], now)) return;
                           told_[place] = entry;
                           is_heard_[place] = false;
                           messages.add(of.service - 1, record_of(entry, place, of.backend, flows, now));
                       });
    next_ = first + count == table.size() ? 0 : first + count;
    messages.send_all();
    return {};
}

Result<> Outgoing::tell_slots(const FlowMap& flows, const ImageMaps& maps, const Tell& tell) {
    TRY(const std::uint16_t now, flows.long_now());
    for (const TrackedService& service : tracked_.services)
        for (const auto& [line, count] : service.lines) {
            const Slots slots = read_slots(maps.transition(line));
            auto& told = told_slots_[{service.name, line}];
            told.resize(count);
            Exceptions message = about_slots(service, count);
            for (std::uint32_t slot = 0; slot < count; ++slot) {
                Told& one = told[slot];
                const Told present{
                    .former = slots.former[slot], .used = slots.used[slot], .is_moving = slots.moving[slot]};
                const bool is_known = one.former == present.former &&
                                      (one.used == present.used || slot_age(one.used, now) < service.refresh);
                // The others leave a former backend by themselves.
                const bool is_left = present.former == LB_NO_FORMER;
                if (one.is_moving == present.is_moving && (is_known || is_left)) continue;
                one = present;
                if (present.is_moving) message.moving.push_back(slot_of(slot, slots, service, flows.clock(), now));
            }
            if (!message.moving.empty()) tell(message);
        }
    return {};
}

Result<std::vector<Exceptions>> Outgoing::all_slots(const FlowMap& flows, const ImageMaps& maps) const {
    TRY(const std::uint16_t now, flows.long_now());
    std::vector<Exceptions> all;
    for (const TrackedService& service : tracked_.services)
        for (const auto& [line, count] : service.lines) {
            const Slots slots = read_slots(maps.transition(line));
            Exceptions& message = all.emplace_back(about_slots(service, count));
            for (std::uint32_t slot = 0; slot < count; ++slot)
                if (slots.moving[slot]) message.moving.push_back(slot_of(slot, slots, service, flows.clock(), now));
        }
    return all;
}

Result<> Outgoing::tell_flows_from(std::size_t& next, const FlowMap& flows, const ImageMaps& maps, std::size_t most,
                                   const Tell& tell) const {
    TRY(const std::uint16_t now, flows.now());
    Messages messages(tracked_.services, flows.capacity(), tell);
    const auto table = flows.table();
    const bool fits = told_.size() == table.size() * LB_FLOW_WAYS;
    const std::size_t first = std::min(next, table.size()), count = std::min(most, table.size() - first);
    for_each_exception(table.subspan(first, count), first, tracked_, maps,
                       [&](std::size_t place, std::uint64_t entry, const Tracked::Place& of) {
                           if (fits && is_heard_[place] && told_[place] == entry) return;
                           messages.add(of.service - 1, record_of(entry, place, of.backend, flows, now));
                       });
    messages.send_all();
    next = first + count;
    return {};
}

void Outgoing::heard(const FlowMap& flows, std::size_t place, std::uint64_t entry) {
    fit(flows);
    if (place >= told_.size()) return;
    told_[place] = entry;
    is_heard_[place] = true;
}

void Outgoing::heard(const std::string& service, std::uint32_t line, const MovingSlot& slot) {
    auto& told = told_slots_[{service, line}];
    if (told.size() <= slot.slot) told.resize(slot.slot + 1UL);
    told[slot.slot] = {.former = slot.former, .used = slot.used, .is_moving = true};
}

}  // namespace culvert::lbd
