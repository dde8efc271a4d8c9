// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/transitions.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "lbd/model/cure.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;

bool has_connections(std::uint8_t protocol) { return protocol != static_cast<std::uint8_t>(Protocol::udp); }

bool has_connections(const Service& service) {
    return std::ranges::any_of(service.ports, [](const PortSpec& port) { return port.protocol != Protocol::udp; });
}

/// Whether connections stay with the destination.
bool is_alive(const std::map<std::uint32_t, lb_dest_body>& dests, std::uint32_t id) {
    const auto dest = dests.find(id);
    return dest != dests.end() && dest->second.action != LB_ACTION_NONE && (dest->second.flags & LB_DEST_LEFT) == 0;
}

/// What becomes of the backends of a service, by the value that tables have for them.
struct Backends {
    std::vector<std::uint16_t> kept;  ///< the present value, or LB_NO_FORMER
    bool some_left = false;           ///< a backend is gone that was alive
    bool renumbered = false;          ///< a backend has another value
};

Backends backends_of(const Service& service, const Image& before, const Image& image) {
    Backends backends;
    const ServiceIds& old = before.ids.at(service.name);
    const ServiceIds& ids = image.ids.at(service.name);
    for (auto known = old.backends.lower_bound(old.base); known != old.backends.end() && old.in_block(known->first);
         ++known) {
        const std::uint32_t value = known->first - old.base;
        backends.kept.resize(value + 1UL, LB_NO_FORMER);
        const auto id = ids.current(known->second);
        if (id && is_alive(image.dests, *id)) {
            backends.kept[value] = static_cast<std::uint16_t>(*id - ids.base);
            backends.renumbered |= backends.kept[value] != value;
        } else {
            backends.some_left |= is_alive(before.dests, known->first);
        }
    }
    return backends;
}

}  // namespace

std::uint32_t tracking(const Service& service, Protocol protocol) {
    if (service.track == Track::none) return LB_SERVICE_NEVER;
    if (protocol == Protocol::udp || service.sticky) return LB_SERVICE_EACH;
    return service.track == Track::all ? LB_SERVICE_ALL : 0;
}

Connected connected(const std::map<VipKey, lb_service>& vips) {
    Connected services;
    for (const auto& [key, service] : vips)
        if (key.protocol != 0 && has_connections(key.protocol)) services.insert_or_assign(service.dest_base, service);
    return services;
}

Transitions::Transitions(const Image& before, const Connected& was, std::uint32_t limit)
    : before_(before), was_(was), limit_(limit) {}

Result<std::uint32_t> Transitions::follow(const Service& service, TablePlace table, Image& image) {
    const auto ids = before_.ids.find(service.name);
    const auto known = ids == before_.ids.end() ? was_.end() : was_.find(ids->second.base);
    if (known == was_.end() || !has_connections(service) || service.track == Track::none) return 0;
    const lb_service& was = known->second;
    const TablePlace from{.line = was.ring, .size = was.ring_size};
    const bool was_sticky = (was.flags & LB_SERVICE_EACH) != 0;
    // Where no flow has an entry, each follows the table. Without a table, connections have entries or are from before
    // a transition.
    if ((was.flags & LB_SERVICE_NEVER) != 0 || (from.size == 0 && was.transition == 0 && !was_sticky)) return 0;
    const bool is_other_slot = was_sticky != service.sticky;  // another hash selects it
    const bool follows_table = !was_sticky && !service.sticky;
    Backends backends = backends_of(service, before_, image);
    if (!is_other_slot && (from == table || !follows_table)) {
        if (was.transition == 0) return 0;
        if (!backends.some_left && !backends.renumbered) return keep(was.transition, image);
    }
    const std::uint32_t slots = was.transition != 0 ? before_.transitions.at(was.transition).slots
                                : from.size != 0    ? from.size
                                                    : service.table_size;
    return place({.slots = slots,
                  .from = from,
                  .to = table,
                  .before = was.transition,
                  .kept = std::move(backends.kept),
                  .all = !follows_table},
                 service.sticky, image);
}

std::uint32_t Transitions::keep(std::uint32_t line, Image& image) const {
    const auto known =
        image.transitions.emplace(line, Transition{.slots = before_.transitions.at(line).slots, .because = {}});
    ++known.first->second.users;
    return line;
}

Result<std::uint32_t> Transitions::place(TableChange change, bool sticky, Image& image) {
    if (const auto same = placed_.find({change, sticky}); same != placed_.end()) {
        ++image.transitions.at(same->second).users;
        return same->second;
    }
    if (!room_) {
        room_.emplace(1U, limit_);  // 0 stands for none
        for (const auto& [line, transition] : before_.transitions)
            room_->mark(line, lb_transition_lines(transition.slots));
    }
    const std::uint32_t slots = change.slots;
    const auto line = room_->take(lb_transition_lines(slots));
    if (!line)
        return netlink::failure("plan", fmt::format("{} slots in transition", slots), ENOSPC,
                                fmt::format("the map has room for {}", std::uint64_t{limit_} * LB_TRANSITION_WORDS),
                                std::string(cure_of("maps_full")));
    placed_.emplace(std::pair(change, sticky), *line);
    image.transitions.emplace(
        *line,
        Transition{.slots = slots, .users = 1, .because = std::make_shared<const TableChange>(std::move(change))});
    return *line;
}

}  // namespace culvert::lbd
