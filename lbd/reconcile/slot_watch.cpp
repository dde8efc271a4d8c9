// SPDX-License-Identifier: Apache-2.0
#include "lbd/reconcile/slot_watch.hpp"

#include <algorithm>

#include "lbd/datapath/transition_map.hpp"
#include "lbd/plan/slots.hpp"

namespace culvert::lbd {
namespace {

/// A port of the service whose connections may be in transition.
const PortSpec* connected_port(const Service& service) {
    const auto found =
        std::ranges::find_if(service.ports, [](const PortSpec& port) { return port.protocol != Protocol::udp; });
    return found == service.ports.end() ? nullptr : &*found;
}

}  // namespace

SlotWatch::SlotWatch(const Image& image, const Services& services, const FlowClock& clock, std::uint16_t begun)
    : begun_(begun) {
    if (image.transitions.empty()) return;
    for (const Service& service : services) watch(service, image, clock.units(service.idle));
}

void SlotWatch::watch(const Service& service, const Image& image, std::uint16_t idle) {
    const PortSpec* const port = connected_port(service);
    if (port == nullptr) return;
    const lb_service& value = image.vips.at({service.vip, static_cast<std::uint8_t>(port->protocol), port->port});
    if (value.transition == 0) return;
    auto watched = std::ranges::find(watched_, value.transition, &Watched::line);
    if (watched == watched_.end()) {
        const std::uint32_t slots = image.transitions.at(value.transition).slots;
        watched_.push_back({.line = value.transition,
                            .slots = slots,
                            .table = {.line = value.ring, .size = value.ring_size},
                            .sticky = (value.flags & LB_SERVICE_EACH) != 0,
                            .idle = 0,
                            .awaited = std::vector<bool>(slots)});
        watched = std::prev(watched_.end());
    }
    watched->idle = std::max(watched->idle, idle);
    const ServiceIds& ids = image.ids.at(service.name);
    for (const auto& [id, backend] : ids.backends) {
        if (id >= by_dest_.size()) by_dest_.resize(id + 1UL);
        const auto present = ids.current(backend);
        by_dest_[id] = {
            .watched = static_cast<std::uint32_t>(watched - watched_.begin()) + 1,
            .value = present ? static_cast<std::uint16_t>(*present - ids.base) : std::uint16_t{LB_NO_FORMER}};
    }
}

void SlotWatch::see(const Flow& flow, const ImageMaps& maps) {
    if (flow.dest >= by_dest_.size() || by_dest_[flow.dest].watched == 0 || flow.is_of_fragments()) return;
    const auto& [index, value] = by_dest_[flow.dest];
    Watched& watched = watched_[index - 1];
    if (watched.sticky) return;
    const TablePlace& table = watched.table;
    if (table.size != 0 && maps.ring(table.line, table.size)[lb_slot(flow.tag, table.size)] == value) return;
    watched.awaited[lb_slot(flow.tag, watched.slots)] = true;
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
        if (service.sticky || service.track != Track::just_enough || connected_port(service) == nullptr) continue;
        for (const auto& [id, backend] : ids.at(service.name).backends) {
            if (id >= dests.size()) dests.resize(id + 1UL);
            dests[id] = true;
        }
    }
    return dests;
}

}  // namespace culvert::lbd
