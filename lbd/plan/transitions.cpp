// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/transitions.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>

#include "lbd/model/cure.hpp"
#include "lbd/plan/connection_ports.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;

/// What becomes of the backends of a table, by the value that it has for them.
struct Backends {
    std::vector<std::uint16_t> kept;  ///< the present value, or LB_NO_FORMER
    bool renumbered = false;          ///< some have another value
};

/// The present id of a backend, whatever its name and that of its service are.
std::optional<std::uint32_t> present_id(std::uint32_t id, const std::string& name, const Former& former,
                                        const Service& service, const ServiceIds& ids) {
    if (const auto own = ids.backends.find(id); own != ids.backends.end()) return ids.current(own->second);
    if (former.service == nullptr) return std::nullopt;
    const auto& old = former.service->backends;
    const auto was = std::ranges::find(old, name, &Backend::name);
    if (was == old.end()) return std::nullopt;
    const auto is = std::ranges::find(service.backends, was->address, &Backend::address);
    return is == service.backends.end() ? std::nullopt : ids.current(is->name);
}

/// A backend that is down, or has left the configuration, keeps its value as long as it has an id: packets that find it
/// dead go to the present one, and silent connections are there when it comes back.
Backends backends_of(const Service& service, const Former& former, const ServiceIds& ids) {
    Backends backends;
    const ServiceIds& old = *former.ids;
    for (auto known = old.backends.lower_bound(old.base); known != old.backends.end() && old.in_block(known->first);
         ++known) {
        const std::uint32_t value = known->first - old.base;
        backends.kept.resize(value + 1UL, LB_NO_FORMER);
        if (const auto id = present_id(known->first, known->second, former, service, ids))
            backends.kept[value] = static_cast<std::uint16_t>(*id - ids.base);
        backends.renumbered |= backends.kept[value] != value;
    }
    return backends;
}

Extents free_lines(const Image& image, std::uint32_t limit) {
    Extents room(1U, limit);  // 0 stands for none
    for (const auto& [line, transition] : image.transitions) room.mark(line, lb_transition_lines(transition.slots));
    return room;
}

tl::unexpected<netlink::Error> no_room(std::uint32_t slots, std::uint32_t limit) {
    return netlink::failure("plan", fmt::format("{} slots in transition", slots), ENOSPC,
                            fmt::format("the map has room for {}", std::uint64_t{limit} * LB_TRANSITION_WORDS),
                            std::string(cure_of("maps_full")));
}

}  // namespace

std::uint32_t tracking(const Service& service, Protocol protocol) {
    if (service.track == Track::none) return LB_SERVICE_NEVER;
    if (!has_connections(protocol) || service.sticky) return LB_SERVICE_EACH;
    return service.track == Track::all ? LB_SERVICE_ALL : 0;
}

Result<std::uint32_t> Transitions::follow(const Service& service, const VipKey& port, TablePlace table, Image& image) {
    if (!has_connections(static_cast<Protocol>(port.protocol)) || service.track == Track::none) return 0;
    const auto known = before_.image.ids.find(service.name);
    const lb_service* was = ports_.of(port, known == before_.image.ids.end() ? 0 : known->second.base);
    if (was == nullptr) return 0;
    if (std::exchange(service_, &service) != &service) {
        used_.clear();
        followed_.clear();
    }
    const auto same = std::ranges::find(followed_, *was, &std::pair<lb_service, std::uint32_t>::first);
    if (same != followed_.end()) return same->second;
    TRY(const std::uint32_t line, follow(service, *was, table, image));
    followed_.emplace_back(*was, line);
    return line;
}

Result<std::uint32_t> Transitions::follow(const Service& service, const lb_service& was, TablePlace table,
                                          Image& image) {
    const auto former = before_.formers.find(was.dest_base);
    if (former == before_.formers.end()) return 0;
    const TablePlace from{.line = was.ring, .size = was.ring_size};
    const bool was_sticky = (was.flags & LB_SERVICE_EACH) != 0;
    // Where no flow has an entry, each follows the table. Without a table, connections have entries or are from before
    // a transition.
    if ((was.flags & LB_SERVICE_NEVER) != 0 || (from.size == 0 && was.transition == 0 && !was_sticky)) return 0;
    const bool is_other_slot = was_sticky != service.sticky;  // another hash selects it
    const bool follows_table = !was_sticky && !service.sticky;
    Backends backends = backends_of(service, former->second, image.ids.at(service.name));
    if (!is_other_slot && (from == table || !follows_table)) {
        if (was.transition == 0 && (!follows_table || !backends.renumbered)) return 0;
        if (was.transition != 0 && !backends.renumbered)
            return use(was.transition, {.slots = before_.image.transitions.at(was.transition).slots, .because = {}},
                       image);
    }
    const std::uint32_t slots = was.transition != 0 ? before_.image.transitions.at(was.transition).slots
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

std::uint32_t Transitions::use(std::uint32_t line, Transition transition, Image& image) {
    if (used_.insert(line).second) ++image.transitions.emplace(line, std::move(transition)).first->second.users;
    return line;
}

Result<std::uint32_t> Transitions::place(TableChange change, bool sticky, Image& image) {
    if (const auto same = placed_.find({change, sticky}); same != placed_.end()) return use(same->second, {}, image);
    if (!room_) room_ = free_lines(before_.image, limit_);
    const std::uint32_t slots = change.slots;
    const auto line = room_->take(lb_transition_lines(slots));
    if (!line) return no_room(slots, limit_);
    placed_.emplace(std::pair(change, sticky), *line);
    return use(*line, {.slots = slots, .because = std::make_shared<const TableChange>(std::move(change))}, image);
}

Result<std::uint32_t> begin_transition(const std::vector<const Service*>& services, const TablePlace& table,
                                       std::uint32_t shared, std::uint32_t slots, std::uint32_t limit,
                                       const Image& present, Image& image) {
    if (shared != 0) slots = image.transitions.at(shared).slots;
    Extents room = free_lines(image, limit);
    for (const auto& [line, transition] : present.transitions) room.mark(line, lb_transition_lines(transition.slots));
    const auto line = room.take(lb_transition_lines(slots));
    if (!line) return no_room(slots, limit);
    TableChange change{.slots = slots, .from = table, .to = table, .before = shared, .kept = {}, .all = false};
    for (const Service* service : services) {
        const std::uint32_t size = image.ids.at(service->name).size;
        while (change.kept.size() < size) change.kept.push_back(static_cast<std::uint16_t>(change.kept.size()));
        for_each_connection_port(*service, image.vips, [&](lb_service& port) {
            const TablePlace has{.line = port.ring, .size = port.ring_size};
            if (port.transition == shared && has == table) port.transition = *line;
        });
    }
    const auto users = static_cast<std::uint32_t>(services.size());
    if (shared != 0 && (image.transitions.at(shared).users -= users) == 0) image.transitions.erase(shared);
    image.transitions[*line] = {
        .slots = slots, .users = users, .because = std::make_shared<const TableChange>(std::move(change))};
    return *line;
}

}  // namespace culvert::lbd
