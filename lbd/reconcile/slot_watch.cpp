// SPDX-License-Identifier: Apache-2.0
#include "lbd/reconcile/slot_watch.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "lbd/datapath/transition_map.hpp"
#include "lbd/plan/connection_ports.hpp"
#include "lbd/plan/slots.hpp"
#include "lbd/plan/transitions.hpp"

namespace culvert::lbd {
namespace {

bool is_sampled(const Service& service) {
    return !service.sticky && service.track == Track::just_enough &&
           std::ranges::any_of(service.ports, has_connections, &PortSpec::protocol);
}

/// The ports of the service that have slots in transition: how packets find each of those, once.
std::map<std::uint32_t, lb_service> moving_ports(const Service& service, const Image& image) {
    std::map<std::uint32_t, lb_service> moving;
    for (const lb_service& port : connection_ports(service, image))
        if (port.transition != 0) moving.emplace(port.transition, port);
    return moving;
}

}  // namespace

SlotWatch::SlotWatch(const Image& image, const Services& services, const FlowClock& clock, std::uint16_t begun)
    : begun_(begun) {
    if (image.transitions.empty()) return;
    ByVip by_vip;
    for (const Service& service : services) by_vip[service.vip].push_back(&service);
    for (const Service& service : services) {
        const std::size_t known = of_services_.size();
        watch(service, image, clock.units(service.idle));
        if (of_services_.size() != known) watch_others(service, image, by_vip);
    }
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
                                .awaited = std::vector<bool>(slots),
                                .services = {}});
            watched = std::prev(watched_.end());
        }
        watched->idle = std::max(watched->idle, idle);
        watched->services.push_back(service.name);
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

void SlotWatch::watch_others(const Service& service, const Image& image, const ByVip& services) {
    const ServiceIds& own = image.ids.at(service.name);
    std::map<IpAddress, std::uint16_t> values;
    for (const Backend& backend : service.backends)
        if (const auto id = own.current(backend.name))
            values.emplace(backend.address, static_cast<std::uint16_t>(*id - own.base));
    const auto add = [&](const Service& other) {
        std::map<std::string_view, std::optional<std::uint16_t>> by_name;
        for (const Backend& backend : other.backends) {
            const auto value = values.find(backend.address);
            by_name.emplace(backend.name, value == values.end() ? std::nullopt : std::optional(value->second));
        }
        for (const auto& [id, backend] : image.ids.at(other.name).backends) {
            // An entry of a backend that is gone would hide where the next connection with the same ports is.
            const auto known = by_name.find(backend);
            const auto value = known == by_name.end() ? std::optional<std::uint16_t>(LB_NO_FORMER) : known->second;
            if (value)
                of_others_[id].push_back({.service = static_cast<std::uint32_t>(of_services_.size()), .value = *value});
        }
    };
    const auto& [address, bits] = service.vip.prefix;
    for (int length = bits; length >= 0; --length) {
        const auto found = services.find(netlink::Prefix{address, static_cast<std::uint8_t>(length)}.network());
        if (found == services.end()) continue;
        for (const Service* other : found->second)
            if (other != &service) add(*other);
    }
}

void SlotWatch::see(const Flow& flow, const ImageMaps& maps) {
    if (flow.is_of_fragments()) return;
    if (flow.dest < by_dest_.size() && by_dest_[flow.dest].service != 0) await(by_dest_[flow.dest], flow, maps);
    if (of_others_.empty()) return;
    if (const auto others = of_others_.find(flow.dest); others != of_others_.end())
        for (const Place& place : others->second) await(place, flow, maps);
}

void SlotWatch::await(const Place& place, const Flow& flow, const ImageMaps& maps) {
    for (const std::size_t index : of_services_[place.service - 1]) {
        Watched& watched = watched_[index];
        if (watched.sticky) continue;
        const TablePlace& table = watched.table;
        if (table.size != 0 && maps.ring(table.line, table.size)[lb_slot(flow.tag, table.size)] == place.value)
            continue;
        watched.awaited[lb_slot(flow.tag, watched.slots)] = true;
    }
}

std::vector<std::uint32_t> SlotWatch::settle(const ImageMaps& maps, std::size_t most, const IsHeld& held) {
    std::vector<std::uint32_t> over;
    for (std::size_t looked_at = 0; looked_at < most && !is_settled(); ++settled_) {
        const Watched& one = watched_[settled_];
        looked_at += one.slots;
        const TransitionLines at = maps.transition(one.line);
        if (held && std::ranges::any_of(one.services, held)) {
            hold_times(at, begun_);
            continue;
        }
        const Slots slots = read_slots(at);
        const auto settling = held ? Settling::together : Settling::alone;
        const auto [done, left] = finished(slots, one.awaited, one.whole(), settling, begun_, one.idle);
        leave_formers(at, left, begun_);
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
        if (!is_sampled(service)) continue;
        for (const auto& [id, backend] : ids.at(service.name).backends) {
            if (id >= dests.size()) dests.resize(id + 1UL);
            dests[id] = true;
        }
    }
    return dests;
}

std::chrono::milliseconds sampled_idle(const Services& services) {
    std::chrono::milliseconds longest{};
    for (const Service& service : services)
        if (is_sampled(service)) longest = std::max(longest, service.idle);
    return longest;
}

}  // namespace culvert::lbd
