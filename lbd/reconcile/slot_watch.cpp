// SPDX-License-Identifier: Apache-2.0
#include "lbd/reconcile/slot_watch.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>

#include "lbd/datapath/transition_map.hpp"
#include "lbd/plan/slots.hpp"

namespace culvert::lbd {
namespace {

bool has_connections(const PortSpec& port) { return port.protocol != Protocol::udp; }

/// The ports of the service that have slots in transition: how packets find each of those, once.
std::map<std::uint32_t, lb_service> moving_ports(const Service& service, const Image& image) {
    std::map<std::uint32_t, lb_service> moving;
    for (const PortSpec& port : service.ports) {
        if (!has_connections(port)) continue;
        const auto protocol = static_cast<std::uint8_t>(port.protocol);
        const auto end = image.vips.upper_bound({service.vip, protocol, port.last});
        for (auto one = image.vips.lower_bound({service.vip, protocol, port.port}); one != end; ++one)
            if (one->second.transition != 0) moving.emplace(one->second.transition, one->second);
    }
    return moving;
}

}  // namespace

SlotWatch::SlotWatch(const Image& image, const Services& services, const FlowClock& clock, std::uint16_t begun)
    : begun_(begun) {
    if (image.transitions.empty()) return;
    for (const Service& service : services) watch(service, image, clock.units(service.idle));
}

void SlotWatch::watch(const Service& service, const Image& image, std::uint16_t idle) {
    std::vector<std::size_t> own;
    for (const auto& [line, value] : moving_ports(service, image)) {
        auto watched = std::ranges::find(watched_, line, &Watched::line);
        if (watched == watched_.end()) {
            const std::uint32_t slots = image.transitions.at(line).slots;
            watched_.push_back({.line = line,
                                .slots = slots,
                                .table = {.line = value.ring, .size = value.ring_size},
                                .sticky = (value.flags & LB_SERVICE_EACH) != 0,
                                .idle = 0,
                                .awaited = std::vector<bool>(slots)});
            watched = std::prev(watched_.end());
        }
        watched->idle = std::max(watched->idle, idle);
        own.push_back(static_cast<std::size_t>(watched - watched_.begin()));
    }
    if (own.empty()) return;
    of_services_.push_back(std::move(own));
    const ServiceIds& ids = image.ids.at(service.name);
    for (const auto& [id, backend] : ids.backends) {
        if (id >= by_dest_.size()) by_dest_.resize(id + 1UL);
        const auto present = ids.current(backend);
        by_dest_[id] = {
            .service = static_cast<std::uint32_t>(of_services_.size()),
            .value = present ? static_cast<std::uint16_t>(*present - ids.base) : std::uint16_t{LB_NO_FORMER}};
    }
}

void SlotWatch::see(const Flow& flow, const ImageMaps& maps) {
    if (flow.dest >= by_dest_.size() || by_dest_[flow.dest].service == 0 || flow.is_of_fragments()) return;
    const auto& [service, value] = by_dest_[flow.dest];
    for (const std::size_t index : of_services_[service - 1]) {
        Watched& watched = watched_[index];
        if (watched.sticky) continue;
        const TablePlace& table = watched.table;
        if (table.size != 0 && maps.ring(table.line, table.size)[lb_slot(flow.tag, table.size)] == value) continue;
        watched.awaited[lb_slot(flow.tag, watched.slots)] = true;
    }
}

std::vector<std::uint32_t> SlotWatch::settle(const ImageMaps& maps) const {
    std::vector<std::uint32_t> over;
    for (const Watched& one : watched_) {
        const TransitionLines at = maps.transition(one.line);
        const Slots slots = read_slots(at);
        const auto done = settled(slots, one.awaited, one.whole(), begun_, one.idle);
        if (static_cast<std::ptrdiff_t>(done.size()) == std::ranges::count(slots.moving, true))
            over.push_back(one.line);
        else
            settle_slots(at, done);
        hold_times(at, begun_);
    }
    return over;
}

std::vector<bool> sampled_dests(const Services& services, const Ids& ids) {
    std::vector<bool> dests;
    for (const Service& service : services) {
        if (service.sticky || service.track != Track::just_enough ||
            std::ranges::none_of(service.ports, has_connections))
            continue;
        for (const auto& [id, backend] : ids.at(service.name).backends) {
            if (id >= dests.size()) dests.resize(id + 1UL);
            dests[id] = true;
        }
    }
    return dests;
}

}  // namespace culvert::lbd
