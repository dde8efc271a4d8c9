// SPDX-License-Identifier: Apache-2.0
#include "lbd/forecast/tally.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace culvert::lbd {
namespace {

void add(TurnoverCount& count, bool is_concerned, bool moves) {
    ++count.live;
    count.move += moves ? 1 : 0;
    count.stay += is_concerned && !moves ? 1 : 0;
}

/// The tables of the services, by the first of their destination ids.
std::map<std::uint32_t, TablePlace> places(const Image& image) {
    std::map<std::uint32_t, TablePlace> places;
    for (const auto& [key, service] : image.vips)
        if (service.ring_size != 0) places[service.dest_base] = {.line = service.ring, .size = service.ring_size};
    return places;
}

}  // namespace

Tally::Tally(std::vector<Turnover> turnovers, const Image& image, const TableOf& table, Sample sample)
    : turnovers_(std::move(turnovers)),
      tables_(turnovers_.size()),
      sample_(std::move(sample)),
      estimated_(turnovers_.size()),
      counted_(turnovers_.size()) {
    std::map<std::uint32_t, TablePlace> places;
    std::map<TablePlace, std::shared_ptr<const std::vector<std::uint16_t>>> tables;
    for (std::uint32_t index = 0; index < turnovers_.size(); ++index) {
        const Turnover& turnover = turnovers_[index];
        const auto ids = image.ids.find(turnover.service);
        if (ids == image.ids.end()) continue;
        if (turnover.rule == Turnover::Rule::table) {
            if (places.empty()) places = lbd::places(image);
            if (const auto place = places.find(ids->second.base); place != places.end()) {
                auto& shared = tables[place->second];
                if (!shared) shared = std::make_shared<const std::vector<std::uint16_t>>(table(place->second));
                tables_[index] = shared;
            }
        }
        for (const auto& [id, backend] : ids->second.backends) {
            if (is_left(image, id)) continue;  // its connections choose anew, whatever changes
            if (sample_.concerns(id)) estimated_[index] = true;
            if (id >= by_dest_.size()) by_dest_.resize(id + 1UL);
            const auto current = ids->second.current(backend);
            by_dest_[id] = {.service = index + 1,
                            .value = current ? *current - ids->second.base : UINT32_MAX,
                            .is_lost = turnover.lost.contains(backend)};
        }
    }
}

/// A connection in a slot in transition may be elsewhere than the table says. It moves then, too: if the slot just gets
/// its backend, one too many is counted.
bool Tally::moves(const Turnover& turnover, const Place& place, std::uint32_t tag) const {
    if (place.is_lost || turnover.rule != Turnover::Rule::table) return place.is_lost;
    const auto& shared = tables_[place.service - 1];
    if (!shared || shared->empty()) return true;
    const std::vector<std::uint16_t>& table = *shared;
    return table[lb_slot(tag, static_cast<std::uint32_t>(table.size()))] != place.value ||
           turnover.changes_at(lb_slot(tag, turnover.slots));
}

void Tally::see(const Flow& flow) {
    if (flow.dest >= by_dest_.size() || by_dest_[flow.dest].service == 0) return;
    const Place& place = by_dest_[flow.dest];
    const Turnover& turnover = turnovers_[place.service - 1];
    const bool is_in_slot = !turnover.by_client && turnover.changes_at(lb_slot(flow.tag, turnover.slots));
    const bool goes = moves(turnover, place, flow.tag);
    Counted& counted = counted_[place.service - 1];
    add(counted.all, is_in_slot || goes, goes);
    if (sample_.concerns(flow.dest) && (flow.tag & sample_mask(sample_.shift)) == 0)
        add(counted.sampled, is_in_slot || goes, goes);
}

std::vector<TurnoverCount> Tally::counts() const {
    std::vector<TurnoverCount> counts;
    for (std::size_t index = 0; index < counted_.size(); ++index) {
        const auto& [all, sampled] = counted_[index];
        TurnoverCount& count = counts.emplace_back(all);
        count.estimated = estimated_[index];
        if (!count.estimated) continue;
        count.live = std::max(all.live, sampled.live << sample_.shift);
        count.stay = std::max(all.stay, sampled.stay << sample_.shift);
        count.move = std::max(all.move, sampled.move << sample_.shift);
    }
    return counts;
}

void Tally::clear() { counted_.assign(turnovers_.size(), {}); }

}  // namespace culvert::lbd
