// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/plan.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <ranges>
#include <set>
#include <string>
#include <type_traits>
#include <utility>

#include "lbd/model/cure.hpp"
#include "lbd/model/owners.hpp"
#include "lbd/plan/extents.hpp"
#include "lbd/plan/ids.hpp"
#include "lbd/plan/maglev.hpp"
#include "lbd/plan/template.hpp"
#include "lbd/plan/transitions.hpp"

namespace culvert::lbd {
namespace {

using netlink::failure;
using netlink::Result;

tl::unexpected<netlink::Error> full(std::string object, std::uint64_t limit, std::string_view of_what) {
    return failure("plan", std::move(object), ENOSPC, fmt::format("the map has room for {} {}", limit, of_what),
                   std::string(cure_of("maps_full")));
}

bool takes_flows(const Backend& backend, BackendState state) { return backend.state == state && backend.weight > 0; }

/// The contenders for new flows: the backends in this state that are up.
Ring ring_of(const Service& service, const ServiceIds& ids, BackendState state, const Health& health) {
    Ring ring{.size = service.table_size, .contenders = {}};
    std::uint32_t whole = 1;  // the factor for weights that count in full
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

/// Whether fewer backends are up than the service needs.
bool is_down(const Service& service, const Ring& ring) {
    return ring.contenders.size() < (service.health ? service.health->minimum : 1U);
}

/// Where Maglev tables are in the map, and where there is room.
class Tables {
  public:
    Tables(const std::map<Digest, Table>& present, std::uint32_t limit) : present_(present), limit_(limit) {}

    /// The line of a table that exists already, or of room for it.
    Result<Table> place(Ring ring, Digest digest) {
        if (const auto known = present_.find(digest); known != present_.end())
            return Table{.line = known->second.line, .ring = known->second.ring};
        if (!room_) take_stock();
        if (const auto line = room_->take(lines(ring.size))) return Table{.line = *line, .ring = std::move(ring)};
        return full(fmt::format("a table of {} entries", ring.size), std::uint64_t{limit_} * LB_RING_LINE, "entries");
    }

  private:
    void take_stock() {
        room_.emplace(0U, limit_);
        for (const auto& [digest, table] : present_) room_->mark(table.line, lines(table.ring.size));
    }

    const std::map<Digest, Table>& present_;
    std::uint32_t limit_;
    std::optional<Extents> room_;  // made on demand
};

bool is_v4(const VipKey& key) { return key.vip.family() == Family::ipv4; }

/// Flags of a backend that is down. With on_failure: move, its flows choose anew.
std::uint8_t health_flags(const Service& service, const Backend& backend, const Health& health) {
    if (!service.health || health_of(health, service.name, backend.name).up) return 0;
    return service.health->on_failure == OnFailure::move ? LB_DEST_DOWN | LB_DEST_LEFT : LB_DEST_DOWN;
}

bool is_sorry(const Backend& backend) {
    return backend.state == BackendState::sorry || backend.state == BackendState::drained_sorry;
}

lb_dest_body body_of(const Service& service, const Backend& backend, const Hops& hops) {
    const auto hop = hops.find(backend.address);
    if (hop == hops.end()) return drop_body(LB_DROP_NO_ROUTE);
    if (!hop->second) return drop_body(hop->second.error());
    return make_body(backend.encap, service.vip.family(), backend.address, *hop->second);
}

/// The bodies of all ids of the service. Ids of backends that are gone stay zero, which is LB_ACTION_NONE. `down`: the
/// service uses its sorry backends.
void put_bodies(const Service& service, const ServiceIds& ids, const Hops& hops, const Health& health, bool down,
                std::map<std::uint32_t, lb_dest_body>& dests) {
    std::map<std::string_view, lb_dest_body> bodies;
    for (const Backend& backend : service.backends) {
        lb_dest_body& body = bodies.emplace(backend.name, body_of(service, backend, hops)).first->second;
        body.flags |= health_flags(service, backend, health);
        if (!down && is_sorry(backend)) body.flags |= LB_DEST_SORRY;
    }
    for (const auto& [id, name] : ids.backends) {
        const auto body = bodies.find(name);
        if (body != bodies.end()) dests.insert_or_assign(dests.end(), id, body->second);
    }
}

using Vips = std::map<VipKey, lb_service>;

Result<> check_room(const Vips& vips, const Vips& without, const Vips& with, const Limits& limits) {
    const auto of4 = [](const Vips& some) { return std::ranges::count_if(some, is_v4, &Vips::value_type::first); };
    const auto growth4 = of4(with) - of4(without);
    const auto growth = std::ssize(with) - std::ssize(without);
    if (growth4 <= 0 && growth - growth4 <= 0) return {};  // counting all VIPs takes long
    const auto vips4 = of4(vips) + growth4;
    const auto all = std::ssize(vips) + growth;
    if (vips4 > limits.vips4) return full("IPv4 VIPs", limits.vips4, "ports");
    if (all - vips4 > limits.vips6) return full("IPv6 VIPs", limits.vips6, "ports");
    return {};
}

template <typename Use>
void for_each_port(const Vip& vip, const PortSpec& ports, const Use& use) {
    for (std::uint32_t port = ports.port; port <= ports.last; ++port)
        use(VipKey{vip, static_cast<std::uint8_t>(ports.protocol), static_cast<std::uint16_t>(port)});
}

/// The key that tells the program that an address is a VIP. It belongs to no service.
VipKey vip_itself(const Vip& vip) { return {vip, 0, 0}; }

/// The services' part of the desired image.
Result<Image> part_for(const Services& services, const Hops& hops, const Before& before, const Limits& limits,
                       const Health& health) {
    Image image;
    TRY(image.ids, assign_ids(services, before.image.ids, limits.dests));
    Tables tables(before.image.tables, limits.ring_lines);
    Transitions transitions(before, limits.transition_lines);
    for (const Service& service : services) {
        const ServiceIds& ids = image.ids.at(service.name);
        lb_service value{.ring = 0, .ring_size = 0, .dest_base = ids.base, .flags = 0, .transition = 0};
        if (service.sticky) value.flags |= LB_SERVICE_STICKY;
        auto [ring, down] = table_input(service, ids, health);
        if (down && service.health) value.flags |= LB_SERVICE_DOWN;
        if (!ring.contenders.empty()) {
            const Digest key = digest(ring);
            value.ring_size = ring.size;
            auto known = image.tables.find(key);
            if (known == image.tables.end()) {
                TRY(Table table, tables.place(std::move(ring), key));
                known = image.tables.emplace(key, std::move(table)).first;
            }
            ++known->second.users;
            value.ring = known->second.line;
        }
        put_bodies(service, ids, hops, health, down, image.dests);
        const TablePlace table{.line = value.ring, .size = value.ring_size};
        Result<> followed;
        image.vips.try_emplace(vip_itself(service.vip));
        for (const PortSpec& ports : service.ports) {
            lb_service one = value;
            one.flags |= tracking(service, ports.protocol);
            for_each_port(service.vip, ports, [&](const VipKey& key) {
                const auto transition = transitions.follow(service, key, table, image);
                if (transition)
                    one.transition = *transition;
                else
                    followed = tl::unexpected(transition.error());
                image.vips[key] = one;
            });
        }
        CHECK_OK(followed);
    }
    return image;
}

/// The services with their ids in the image.
Formers formers_of(const Services& services, const Ids& ids) {
    Formers formers;
    for (const Service& service : services)
        if (const auto own = ids.find(service.name); own != ids.end())
            formers.emplace(own->second.base, Former{.ids = &own->second, .service = &service});
    return formers;
}

/// The part of the current image for the services that go, with the ids of those that come.
Image part_of(const Image& image, const Change& change) {
    Image part;
    std::map<std::uint32_t, std::uint32_t> users;  // indexed by line
    for (const Service& service : change.gone) {
        lb_service value{};
        std::set<std::uint32_t> transitions;
        for (const PortSpec& ports : service.ports)
            for_each_port(service.vip, ports, [&](const VipKey& key) {
                const auto known = image.vips.find(key);
                part.vips.insert(*known);
                value = known->second;
                if (value.transition != 0) transitions.insert(value.transition);
            });
        if (value.ring_size != 0) ++users[value.ring];
        for (const std::uint32_t line : transitions)
            ++part.transitions.emplace(line, Transition{.slots = image.transitions.at(line).slots, .because = {}})
                  .first->second.users;
        for (const auto& [id, name] : image.ids.at(service.name).backends)
            if (const auto dest = image.dests.find(id); dest != image.dests.end()) part.dests.insert(*dest);
    }
    for (const auto& [digest, table] : image.tables)
        if (const auto used = users.find(table.line); used != users.end())
            part.tables.emplace(digest, Table{.line = table.line, .ring = table.ring, .users = used->second});
    for (const Service& service : change.come)
        if (const auto ids = image.ids.find(service.name); ids != image.ids.end()) part.ids.insert(*ids);
    return part;
}

/// Keeps the key of a VIP as long as any service has the VIP.
void keep_shared_vips(const Image& before, const Change& change, Patch& patch) {
    std::set<Vip> vips;
    for (const Service& service : change.gone) vips.insert(service.vip);
    for (const Service& service : change.come) vips.insert(service.vip);
    for (const Vip& vip : vips) {
        auto known = before.vips.find(vip_itself(vip));
        if (known == before.vips.end()) continue;
        patch.was.vips.insert(*known);
        const auto is_others = [&](const auto& entry) { return !patch.was.vips.contains(entry.first); };
        const auto end = before.vips.upper_bound({vip, UINT8_MAX, UINT16_MAX});
        if (std::any_of(known, end, is_others)) patch.becomes.vips.insert(*known);
    }
}

/// Adds blocks before it removes old ones, so that a service has a block at any moment. A block that gets another
/// service is the last of its ids: until then, they are ids outside of a block.
std::vector<Edit> diff_owners(const Ids& before, const Ids& after) {
    std::vector<Edit> blocks;
    std::vector<Edit> others;
    std::vector<Edit> handed_on;
    std::vector<Edit> removed;
    if (before == after) return {};
    const Owners old = owners(before);
    const Owners wanted = owners(after);
    for (const auto& [id, owner] : wanted) {
        const auto known = old.find(id);
        if (known != old.end() && known->second == owner) continue;
        const bool had_block = known != old.end() && known->second.block != 0;
        (owner.block == 0 ? others : had_block ? handed_on : blocks).push_back(SetOwner{id, owner});
    }
    for (const auto& [id, owner] : old)
        if (!wanted.contains(id)) removed.push_back(RemoveOwner{id});
    blocks.insert(blocks.end(), others.begin(), others.end());
    blocks.insert(blocks.end(), handed_on.begin(), handed_on.end());
    blocks.insert(blocks.end(), removed.begin(), removed.end());
    return blocks;
}

SetVips diff_vips(const Vips& was, const Vips& becomes) {
    SetVips edit;
    for (const auto& [key, value] : becomes) {
        const auto known = was.find(key);
        if (known == was.end() || !(known->second == value)) edit.entered.emplace(key, value);
    }
    for (const auto& [key, value] : was)
        if (!becomes.contains(key)) edit.removed.insert(key);
    return edit;
}

std::vector<SetDest> diff_dests(const Image& was, const Image& becomes) {
    std::vector<SetDest> edits;
    for (const auto& [id, body] : was.dests)
        if (!becomes.dests.contains(id) && body.action != LB_ACTION_NONE) edits.push_back({id, {}});
    for (const auto& [id, body] : becomes.dests) {
        const auto known = was.dests.find(id);
        if (known == was.dests.end() || !(known->second == body)) edits.push_back({id, body});
    }
    return edits;
}

/// Writes the transitions that are new. `written`: the tables that are new as well, by their lines.
void write_transitions(const Image& becomes, const std::map<std::uint32_t, MaglevTable>& written,
                       const Present& present, std::vector<Edit>& edits, std::vector<Edit>& settled) {
    const auto table = [&](const TablePlace& place) {
        if (place.size == 0) return MaglevTable();
        const auto is_new = written.find(place.line);
        return is_new != written.end() ? is_new->second : present.table(place);
    };
    for (const auto& [line, transition] : becomes.transitions) {
        if (!transition.because) continue;
        const TableChange& change = *transition.because;
        Slots before = change.before != 0 ? present.slots(change.before) : Slots();
        if (change.before == 0 && change.from.size == 0) before = unknown_slots(change.slots, present.now);
        edits.push_back(WriteTransition{
            line, slots_after(before, table(change.from), table(change.to), change.kept, change.all, present.now)});
        if (change.before != 0) settled.push_back(KeepTimes{.from = change.before, .to = line});
    }
}

/// A table in `known` is in the maps already.
std::vector<Edit> edits(const Image& was, const Image& becomes, const std::map<Digest, Table>& known,
                        const Present& present) {
    std::vector<Edit> edits = diff_owners(was.ids, becomes.ids);
    std::vector<Edit> cleared;  // once no packet is under way that saw the state before
    for (const SetDest& edit : diff_dests(was, becomes)) (is_left(edit.body) ? cleared : edits).push_back(edit);
    std::map<std::uint32_t, MaglevTable> written;
    for (const auto& [digest, table] : becomes.tables) {
        if (known.contains(digest)) continue;
        WriteRing write{table.line, digest, maglev_table(table.ring.contenders, table.ring.size)};
        written.emplace(table.line, write.table);  // a move does not move the entries
        edits.emplace_back(std::move(write));
    }
    write_transitions(becomes, written, present, edits, cleared);

    const std::size_t until_vips = edits.size();
    SetVips vips = diff_vips(was.vips, becomes.vips);
    if (!vips.entered.empty() || !vips.removed.empty()) edits.emplace_back(std::move(vips));

    if (!cleared.empty() && edits.size() > until_vips) edits.push_back(Settle{});
    edits.insert(edits.end(), cleared.begin(), cleared.end());
    if (!edits.empty()) edits.push_back(Settle{});
    return edits;
}

}  // namespace

Limits limits_for(const Image& image) {
    constexpr auto twice = [](std::uint64_t count, std::uint64_t least) {
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(std::bit_ceil(std::max(2 * count, least)), 1U << 31));
    };
    std::uint64_t vips4 = 0;
    std::uint64_t ring_lines = 0;
    // Twice for the present transitions, and one more of each table: they are longer than tables, and seldom there.
    constexpr std::uint64_t step = 1U << 14;
    std::uint64_t transition_lines = 0;
    std::uint64_t dests = 1;
    for (const auto& [key, value] : image.vips) vips4 += is_v4(key) ? 1 : 0;
    for (const auto& [digest, table] : image.tables) {
        ring_lines += lines(table.ring.size);
        transition_lines += lb_transition_lines(table.ring.size);
    }
    for (const auto& [line, transition] : image.transitions)
        transition_lines += 2UL * lb_transition_lines(transition.slots);
    for (const auto& [name, ids] : image.ids) dests = std::max<std::uint64_t>(dests, ids.base + ids.size);
    return {.vips4 = twice(vips4, 1024),
            .vips6 = twice(image.vips.size() - vips4, 1024),
            .ring_lines = twice(ring_lines, 1U << 16),
            .transition_lines =
                static_cast<std::uint32_t>(std::min<std::uint64_t>((transition_lines / step + 1) * step, 1U << 31)),
            .dests = std::min(twice(dests, 4096), LB_DEST_MAX)};
}

Result<Limits> grown(const Services& services, const Image& before, const Limits& limits, const Health& health) {
    TRY(Image both, plan(services, {}, before, {}, health));
    both.tables.insert(before.tables.begin(), before.tables.end());
    both.transitions.insert(before.transitions.begin(), before.transitions.end());
    const Limits wanted = limits_for(both);
    return Limits{.vips4 = std::max(limits.vips4, wanted.vips4),
                  .vips6 = std::max(limits.vips6, wanted.vips6),
                  .ring_lines = std::max(limits.ring_lines, wanted.ring_lines),
                  .transition_lines = std::max(limits.transition_lines, wanted.transition_lines),
                  .dests = std::max(limits.dests, wanted.dests)};
}

Result<Image> plan(const Services& services, const Hops& hops, const Image& before, const Limits& limits,
                   const Health& health) {
    const Formers formers = formers_of(services, before.ids);
    TRY(Image image, part_for(services, hops, {before, before.vips, formers}, limits, health));
    image.ids.insert(before.ids.begin(), before.ids.end());
    CHECK_OK(check_room({}, {}, image.vips, limits));
    return image;
}

Result<Patch> replan(const Change& change, const Hops& hops, const Image& before, const Limits& limits,
                     const Health& health) {
    Patch patch{.was = part_of(before, change), .becomes = {}};
    Formers formers = formers_of(change.gone, before.ids);
    formers.merge(formers_of(change.neighbours, before.ids));
    if (auto ids = renamed(before.ids, change.gone, change.come)) {
        for (const Service& service : change.gone)
            if (!ids->contains(service.name)) patch.was.ids.insert(*before.ids.find(service.name));
        Image present = before;
        present.ids = *std::move(ids);
        TRY(patch.becomes, part_for(change.come, hops, {present, patch.was.vips, formers}, limits, health));
    } else {
        TRY(patch.becomes, part_for(change.come, hops, {before, patch.was.vips, formers}, limits, health));
    }
    keep_shared_vips(before, change, patch);
    CHECK_OK(check_room(before.vips, patch.was.vips, patch.becomes.vips, limits));
    return patch;
}

void apply(Patch patch, Image& image) {
    for (const auto& [key, value] : patch.was.vips) image.vips.erase(key);
    image.vips.merge(patch.becomes.vips);
    for (const auto& [id, body] : patch.was.dests) image.dests.erase(id);
    image.dests.merge(patch.becomes.dests);
    for (const auto& [name, ids] : patch.was.ids)
        if (!patch.becomes.ids.contains(name)) image.ids.erase(name);
    for (auto& [name, ids] : patch.becomes.ids) image.ids.insert_or_assign(name, std::move(ids));
    for (auto& [digest, table] : patch.becomes.tables) {
        const std::uint32_t users = std::exchange(table.users, 0);
        image.tables.emplace(digest, std::move(table)).first->second.users += users;
    }
    for (auto& [line, transition] : patch.becomes.transitions) {
        const std::uint32_t users = std::exchange(transition.users, 0);
        transition.because.reset();
        image.transitions.emplace(line, std::move(transition)).first->second.users += users;
    }
    for (const auto& [line, transition] : patch.was.transitions) {
        const auto left = image.transitions.find(line);
        left->second.users -= transition.users;
        if (left->second.users == 0) image.transitions.erase(left);
    }
    for (const auto& [digest, table] : patch.was.tables) {
        const auto left = image.tables.find(digest);
        left->second.users -= table.users;
        if (left->second.users == 0) image.tables.erase(left);
    }
}

TableInput table_input(const Service& service, const ServiceIds& ids, const Health& health) {
    TableInput input{.ring = ring_of(service, ids, BackendState::active, health)};
    input.down = is_down(service, input.ring);
    if (input.down) input.ring = ring_of(service, ids, BackendState::sorry, health);
    return input;
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

std::vector<Edit> diff(const Image& before, const Image& after, const Present& present) {
    return edits(before, after, before.tables, present);
}

std::vector<Edit> diff(const Image& before, const Patch& patch, const Present& present) {
    return edits(patch.was, patch.becomes, before.tables, present);
}

}  // namespace culvert::lbd
