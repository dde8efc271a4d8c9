// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/plan.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <ranges>
#include <type_traits>

#include "lbd/plan/extents.hpp"
#include "lbd/plan/owners.hpp"

namespace {

template <typename T>
bool same_bytes(const T& a, const T& b) {
    static_assert(std::has_unique_object_representations_v<T>);
    return std::memcmp(&a, &b, sizeof a) == 0;
}

}  // namespace

bool operator==(const lb_owner& a, const lb_owner& b) { return same_bytes(a, b); }
bool operator==(const lb_service& a, const lb_service& b) { return same_bytes(a, b); }
bool operator==(const lb_dest_body& a, const lb_dest_body& b) { return same_bytes(a, b); }

namespace culvert::lbd {
namespace {

using netlink::failure;
using netlink::Result;

constexpr const char* cure_of_full = "restart lbd: it then forgets backends that are gone and have no flows";

tl::unexpected<netlink::Error> full(std::string object, std::uint64_t limit, std::string_view of_what) {
    return failure("plan", std::move(object), ENOSPC, fmt::format("the map has room for {} {}", limit, of_what),
                   cure_of_full);
}

bool takes_flows(const Backend& backend, BackendState state) { return backend.state == state && backend.weight > 0; }

/// Who competes for new flows: those of this state that are up.
Ring ring_of(const Service& service, const ServiceIds& ids, BackendState state, const Health& health) {
    Ring ring{.size = service.table_size, .contenders = {}};
    std::uint32_t whole = 1;  // a weight that counts in full, times this
    for (const Backend& backend : service.backends) {
        if (!takes_flows(backend, state)) continue;
        const BackendHealth known = health_of(health, service.name, backend.name);
        if (!known.up) continue;
        if (known.percent < 100) whole = 100;
        ring.contenders.push_back({.value = static_cast<std::uint16_t>(*ids.current(backend.name) - ids.base),
                                   .name = backend.name,
                                   .weight = std::uint32_t{backend.weight} * known.percent});
    }
    for (Contender& contender : ring.contenders) contender.weight = contender.weight * whole / 100;
    std::ranges::sort(ring.contenders);
    return ring;
}

/// Fewer backends are up than the service needs.
bool is_down(const Service& service, const Ring& ring) {
    return ring.contenders.size() < (service.health ? service.health->minimum : 1U);
}

/// The line of a table that is there already, or of room for one.
Result<Table> place(Ring ring, Digest digest, const Image& before, Extents& room, std::uint32_t limit) {
    if (const auto it = before.tables.find(digest); it != before.tables.end()) return it->second;
    if (const auto line = room.take(lines(ring.size))) return Table{.line = *line, .ring = std::move(ring)};
    return full(fmt::format("a table of {} entries", ring.size), std::uint64_t{limit} * LB_RING_LINE, "entries");
}

bool is_v4(const VipKey& key) { return key.vip.family() == Family::ipv4; }

/// Flows of a backend that is down choose anew, if they are to move.
bool moves_flows(const Service& service, const Backend& backend, const Health& health) {
    return service.health && service.health->on_failure == OnFailure::move &&
           !health_of(health, service.name, backend.name).up;
}

lb_dest_body body_of(const Service& service, const Backend& backend, const Hops& hops) {
    const auto hop = hops.find(backend.address);
    if (hop == hops.end()) return drop_body(LB_DROP_NO_ROUTE);
    if (!hop->second) return drop_body(hop->second.error());
    return make_body(backend.encap, service.vip.family(), backend.address, *hop->second);
}

/// The bodies of all ids that the service has given out; those of backends that are gone stay zero: LB_ACTION_NONE.
void put_bodies(const Service& service, const ServiceIds& ids, const Hops& hops, const Health& health,
                std::vector<lb_dest_body>& dests) {
    std::map<std::string_view, lb_dest_body> bodies;
    for (const Backend& backend : service.backends) {
        lb_dest_body& body = bodies.emplace(backend.name, body_of(service, backend, hops)).first->second;
        if (moves_flows(service, backend, health)) body.flags |= LB_DEST_LEFT;
    }
    for (const auto& [id, name] : ids.backends) {
        const auto body = bodies.find(name);
        if (body == bodies.end()) continue;
        if (dests.size() <= id) dests.resize(id + 1);
        dests[id] = body->second;
    }
}

Result<> check_vips(const Image& image, const Limits& limits) {
    const auto vips4 = std::ranges::count_if(image.vips, [](const auto& vip) { return is_v4(vip.first); });
    if (vips4 > limits.vips4) return full("IPv4 VIPs", limits.vips4, "ports");
    if (std::ssize(image.vips) - vips4 > limits.vips6) return full("IPv6 VIPs", limits.vips6, "ports");
    return {};
}

/// No flow goes there any more.
bool is_left(const lb_dest_body& body) { return body.action == LB_ACTION_NONE || (body.flags & LB_DEST_LEFT) != 0; }

lb_dest_body body_in(const Image& image, std::size_t id) {
    return id < image.dests.size() ? image.dests[id] : lb_dest_body{};
}

/// Blocks before what is no block any more, so that a service has one at any moment.
std::vector<Edit> diff_owners(const Ids& before, const Ids& after) {
    std::vector<Edit> blocks;
    std::vector<Edit> others;
    std::vector<Edit> removed;
    if (before == after) return {};
    const Owners old = owners(before);
    const Owners wanted = owners(after);
    for (const auto& [id, owner] : wanted) {
        const auto known = old.find(id);
        if (known == old.end() || !(known->second == owner))
            (owner.block != 0 ? blocks : others).push_back(SetOwner{id, owner});
    }
    for (const auto& [id, owner] : old)
        if (!wanted.contains(id)) removed.push_back(RemoveOwner{id});
    blocks.insert(blocks.end(), others.begin(), others.end());
    blocks.insert(blocks.end(), removed.begin(), removed.end());
    return blocks;
}

}  // namespace

Limits limits_for(const Image& image) {
    constexpr auto twice = [](std::uint64_t count, std::uint64_t least) {
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(std::bit_ceil(std::max(2 * count, least)), 1U << 31));
    };
    std::uint64_t vips4 = 0;
    std::uint64_t ring_lines = 0;
    std::uint64_t dests = 1;
    for (const auto& [key, value] : image.vips) vips4 += is_v4(key) ? 1 : 0;
    for (const auto& [digest, table] : image.tables) ring_lines += lines(table.ring.size);
    for (const auto& [name, ids] : image.ids) dests = std::max<std::uint64_t>(dests, ids.base + ids.size);
    return {.vips4 = twice(vips4, 1024),
            .vips6 = twice(image.vips.size() - vips4, 1024),
            .ring_lines = twice(ring_lines, 1U << 16),
            .dests = std::min(twice(dests, 4096), LB_DEST_MAX)};
}

Result<Limits> grown(const std::vector<Service>& services, const Image& before, const Limits& limits) {
    TRY(Image both, plan(services, {}, before, {}));
    both.tables.insert(before.tables.begin(), before.tables.end());
    const Limits wanted = limits_for(both);
    return Limits{.vips4 = std::max(limits.vips4, wanted.vips4),
                  .vips6 = std::max(limits.vips6, wanted.vips6),
                  .ring_lines = std::max(limits.ring_lines, wanted.ring_lines),
                  .dests = std::max(limits.dests, wanted.dests)};
}

Result<Image> plan(const std::vector<Service>& services, const Hops& hops, const Image& before, const Limits& limits,
                   const Health& health) {
    Image image;
    TRY(image.ids, assign_ids(services, before.ids, limits.dests));

    Extents room(0, limits.ring_lines);
    for (const auto& [digest, table] : before.tables) room.mark(table.line, lines(table.ring.size));

    for (const Service& service : services) {
        const ServiceIds& ids = image.ids.at(service.name);
        lb_service value{.ring = 0, .ring_size = 0, .dest_base = ids.base, .flags = 0};
        if (service.sticky) value.flags |= LB_SERVICE_STICKY;
        Ring ring = ring_of(service, ids, BackendState::active, health);
        if (is_down(service, ring)) {
            if (service.health) value.flags |= LB_SERVICE_DOWN;
            ring = ring_of(service, ids, BackendState::sorry, health);
        }
        if (!ring.contenders.empty()) {
            const Digest key = digest(ring);
            value.ring_size = ring.size;
            auto known = image.tables.find(key);
            if (known == image.tables.end()) {
                TRY(Table table, place(std::move(ring), key, before, room, limits.ring_lines));
                known = image.tables.emplace(key, std::move(table)).first;
            }
            value.ring = known->second.line;
        }
        image.vips.try_emplace({service.vip, 0, 0});
        for (const PortSpec& ports : service.ports)
            for (std::uint32_t port = ports.port; port <= ports.last; ++port)
                image.vips[{service.vip, static_cast<std::uint8_t>(ports.protocol), static_cast<std::uint16_t>(port)}] =
                    value;
        put_bodies(service, ids, hops, health, image.dests);
    }
    CHECK_OK(check_vips(image, limits));
    return image;
}

Digest digest(const Ring& ring) {
    // FNV-1a (RFC 9923), 64 bits.
    Digest hash = 0xcbf29ce484222325ULL;
    const auto add = [&](std::string_view bytes) {
        for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
    };
    const auto add_number = [&](std::uint32_t number) { add({reinterpret_cast<const char*>(&number), sizeof number}); };
    add_number(ring.size);
    for (const Contender& contender : ring.contenders) {
        add_number(contender.value);
        add_number(contender.weight);
        add_number(static_cast<std::uint32_t>(contender.name.size()));
        add(contender.name);
    }
    return hash;
}

std::vector<Edit> diff(const Image& before, const Image& after) {
    std::vector<Edit> edits = diff_owners(before.ids, after.ids);
    std::vector<Edit> cleared;
    for (std::uint32_t id = 1; id < std::max(before.dests.size(), after.dests.size()); ++id) {
        const lb_dest_body body = body_in(after, id);
        if (body == body_in(before, id)) continue;
        (is_left(body) ? cleared : edits).push_back(SetDest{id, body});
    }
    for (const auto& [digest, table] : after.tables)
        if (!before.tables.contains(digest))
            edits.push_back(WriteRing{table.line, digest, maglev_table(table.ring.contenders, table.ring.size)});

    const std::size_t until_vips = edits.size();
    if (before.vips != after.vips) edits.push_back(SetVips{after.vips});

    if (!cleared.empty() && edits.size() > until_vips) edits.push_back(Settle{});
    edits.insert(edits.end(), cleared.begin(), cleared.end());
    if (!edits.empty()) edits.push_back(Settle{});
    return edits;
}

}  // namespace culvert::lbd
