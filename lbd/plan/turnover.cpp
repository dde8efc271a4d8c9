// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/turnover.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "lbd/plan/transitions.hpp"

namespace culvert::lbd {
namespace {

using Rule = Turnover::Rule;
using Bits = std::shared_ptr<const std::vector<bool>>;

bool is_sorry(const Image& image, std::uint32_t id) {
    const auto dest = image.dests.find(id);
    return dest != image.dests.end() && (dest->second.flags & LB_DEST_SORRY) != 0;
}

/// What packets of a port find, as in bpf/vip.h; null: nothing.
const lb_service* find_service(const Image& image, const VipKey& key) {
    const auto port_or_all = [&](const Vip& vip) -> const lb_service* {
        auto found = image.vips.find({vip, key.protocol, key.port});
        if (found == image.vips.end()) found = image.vips.find({vip, key.protocol, 0});
        return found == image.vips.end() ? nullptr : &found->second;
    };
    Vip vip = key.vip;
    for (std::uint8_t length = vip.prefix.length; !image.vips.contains({vip, 0, 0});) {
        if (length == 0) return nullptr;
        vip = Vip(netlink::Prefix{key.vip.prefix.address, --length}.network());
    }
    return port_or_all(vip);
}

bool is_around(const Vip& outer, const Vip& inner) {
    return outer.prefix.length < inner.prefix.length && outer.prefix.contains(inner.prefix.address);
}

/// What an id means after the change.
struct Owner {
    const Service* service;
    const Backend* backend;  ///< null: it is gone
};

/// The services that come, by the ids that they have.
class Owners {
  public:
    Owners(const Services& come, const Ids& ids) {
        for (const Service& service : come) {
            const ServiceIds& own = ids.at(service.name);
            by_base_.emplace(own.base, &service);
            std::map<std::string_view, const Backend*> by_name;
            for (const Backend& backend : service.backends) by_name.emplace(backend.name, &backend);
            for (const auto& [id, name] : own.backends) {
                const auto backend = by_name.find(name);
                by_id_.emplace(id, Owner{&service, backend == by_name.end() ? nullptr : backend->second});
            }
        }
    }

    /// Nothing: no service that comes has it.
    [[nodiscard]] std::optional<Owner> of(std::uint32_t id) const {
        const auto owner = by_id_.find(id);
        return owner == by_id_.end() ? std::nullopt : std::optional(owner->second);
    }
    /// Null: it is another service's.
    [[nodiscard]] const Service* at(std::uint32_t base) const {
        const auto service = by_base_.find(base);
        return service == by_base_.end() ? nullptr : service->second;
    }

  private:
    std::map<std::uint32_t, const Service*> by_base_;
    std::map<std::uint32_t, Owner> by_id_;
};

/// Numbers for addresses, the same for equal ones.
class Numbers {
  public:
    /// Of each backend, by the value that tables have for it.
    std::vector<std::uint32_t> of(const Service& service, const ServiceIds& ids) {
        std::vector<std::uint32_t> numbers;
        for (const Backend& backend : service.backends) {
            const auto id = ids.current(backend.name);
            if (!id) continue;
            if (*id - ids.base >= numbers.size()) numbers.resize(*id - ids.base + 1UL);
            const auto next = static_cast<std::uint32_t>(known_.size() + 1);
            numbers[*id - ids.base] = known_.emplace(backend.address, next).first->second;
        }
        return numbers;
    }

  private:
    std::map<IpAddress, std::uint32_t> known_;
};

/// Which slots of a table get another backend. Services whose tables change alike share the result.
class Changes {
  public:
    Changes(const Side& before, const Side& after) : before_(before), after_(after) {}

    /// `next`: who answers afterwards; null: nobody whose backends are the same.
    Bits of(const Service& service, const TablePlace& from, const Service* next, const TablePlace& to) {
        if (from.size == 0) return {};
        Numbers numbers;
        Key key{from, to, numbers.of(service, before_.image.ids.at(service.name)), {}};
        if (next != nullptr) std::get<3>(key) = numbers.of(*next, after_.image.ids.at(next->name));
        const auto [known, is_new] = known_.try_emplace(std::move(key));
        if (is_new) known->second = bits(known->first);
        return known->second;
    }

  private:
    using Key = std::tuple<TablePlace, TablePlace, std::vector<std::uint32_t>, std::vector<std::uint32_t>>;

    [[nodiscard]] Bits bits(const Key& key) const {
        const auto& [from, to, was, is] = key;
        const MaglevTable old = before_.table(from);
        const MaglevTable table = to.size == 0 ? MaglevTable() : after_.table(to);
        const auto number = [](const std::vector<std::uint32_t>& numbers, std::uint16_t value) {
            return value < numbers.size() ? numbers[value] : 0;
        };
        std::vector<bool> changes(old.size());
        bool any = false;
        for (std::size_t slot = 0; slot < old.size(); ++slot) {
            const std::uint32_t backend = number(was, old[slot]);
            changes[slot] = table.size() != old.size() || backend == 0 || number(is, table[slot]) != backend;
            any |= changes[slot];
        }
        return any ? std::make_shared<const std::vector<bool>>(std::move(changes)) : Bits();
    }

    const Side& before_;
    const Side& after_;
    std::map<Key, Bits> known_;
};

Bits either(const Bits& a, const Bits& b) {
    if (!a || a == b) return b;
    if (!b) return a;
    std::vector<bool> both = *a;
    for (std::size_t slot = 0; slot < both.size(); ++slot) both[slot] = both[slot] || (*b)[slot];
    return std::make_shared<const std::vector<bool>>(std::move(both));
}

/// Calls `use` with each port of the service in the image, and what it has for it.
template <typename Use>
void for_each_port(const Service& service, const Image& image, const Use& use) {
    for (const PortSpec& port : service.ports) {
        const auto protocol = static_cast<std::uint8_t>(port.protocol);
        const auto end = image.vips.upper_bound({service.vip, protocol, port.last});
        for (auto one = image.vips.lower_bound({service.vip, protocol, port.port}); one != end; ++one)
            use(port.protocol, one->first, one->second);
    }
}

/// What becomes of the services of one change.
class Prediction {
  public:
    Prediction(const Side& before, const Side& after, const Change& change)
        : before_(before),
          after_(after),
          change_(change),
          owners_(change.come, after.image.ids),
          changes_(before, after) {}

    [[nodiscard]] Turnover of(const Service& service) {
        Turnover turnover{.service = service.name, .slots = 0, .changes = {}, .lost = {}};
        Ports ports;
        Seen seen;
        for_each_port(service, before_.image, [&](Protocol protocol, const VipKey& key, const lb_service& was) {
            turnover.slots = was.ring_size;
            turnover.by_client |= (was.flags & LB_SERVICE_STICKY) != 0;
            seen.untracked |= (was.flags & LB_SERVICE_NEVER) != 0;
            const lb_service* is = find_service(after_.image, key);
            const Service* next = is == nullptr ? nullptr : owners_.at(is->dest_base);
            ++(is == nullptr ? ports.closed : is_heir(service, next) ? ports.kept : ports.others);
            if (!seen.pairs.emplace(pair_of(was, is)).second) return;
            const TablePlace to = next == nullptr ? TablePlace() : TablePlace{.line = is->ring, .size = is->ring_size};
            const Bits changes = changes_.of(service, {.line = was.ring, .size = was.ring_size}, next, to);
            turnover.changes = either(turnover.changes, changes);
            if (is == nullptr) return;
            seen.follows |=
                (is->flags & LB_SERVICE_NEVER) != 0 ||
                (changes && has_connections(protocol) && is->transition == 0 && (is->flags & LB_SERVICE_EACH) == 0);
            seen.sticky |= ((was.flags | is->flags) & LB_SERVICE_STICKY) != 0;
        });
        turnover.rule = rule(service, ports, seen);
        const bool ends = ports.kept + ports.others == 0;
        std::set<std::string> lost;
        for (const Backend& backend : service.backends)
            if (ends || is_lost(service, backend, turnover.rule)) lost.insert(backend.name);
        if (!lost.empty()) turnover.lost = SharedNames(std::move(lost));
        return turnover;
    }

    /// Whether others get a part of its ports or of its network.
    [[nodiscard]] bool is_divided(const Service& service) const {
        const bool has_all = std::ranges::find(service.ports, 0, &PortSpec::port) != service.ports.end();
        return std::ranges::any_of(change_.come, [&](const Service& other) {
            const bool is_part = is_around(service.vip, other.vip) || (has_all && other.vip == service.vip);
            return is_part && !is_heir(service, &other) && has_new_ports(other);
        });
    }

  private:
    struct Ports {
        std::size_t kept = 0;    ///< the service has them, or one that has its ids
        std::size_t others = 0;  ///< another service
        std::size_t closed = 0;
    };
    struct Seen {
        std::set<std::pair<std::vector<std::uint32_t>, std::vector<std::uint32_t>>> pairs;
        bool untracked = false;
        bool follows = false;
        bool sticky = false;
    };

    static std::pair<std::vector<std::uint32_t>, std::vector<std::uint32_t>> pair_of(const lb_service& was,
                                                                                     const lb_service* is) {
        const auto numbers = [](const lb_service& one) {
            return std::vector{one.ring, one.ring_size, one.dest_base, one.flags, one.transition};
        };
        return {numbers(was), is == nullptr ? std::vector<std::uint32_t>() : numbers(*is)};
    }

    /// Whether `next` has the ids of the service, so that its connections find their backends.
    [[nodiscard]] bool is_heir(const Service& service, const Service* next) const {
        if (next == nullptr) return false;
        const auto& ids = before_.image.ids.at(service.name).backends;
        return std::ranges::any_of(ids, [&](const auto& one) {
            const auto owner = owners_.of(one.first);
            return owner && owner->service == next;
        });
    }

    [[nodiscard]] Rule rule(const Service& service, const Ports& ports, const Seen& seen) const {
        if (seen.untracked) return Rule::untracked;
        const auto& ids = before_.image.ids.at(service.name).backends;
        const bool has_heirs =
            std::ranges::any_of(ids, [&](const auto& one) { return owners_.of(one.first).has_value(); });
        if (ports.kept + ports.others == 0 || !has_heirs) return Rule::stays;  // and all backends are lost
        if (ports.closed + ports.others != 0 || is_divided(service)) return Rule::unknown;
        if (seen.follows) return seen.sticky ? Rule::unknown : Rule::table;
        return some_leave_sorry(service) ? Rule::unknown : Rule::stays;
    }

    [[nodiscard]] bool has_new_ports(const Service& service) const {
        bool found = false;
        for_each_port(service, after_.image, [&](Protocol /*protocol*/, const VipKey& key, const lb_service& /*is*/) {
            found |= !before_.image.vips.contains(key);
        });
        return found;
    }

    /// UDP flows leave a backend that becomes a sorry one, and connections stay there.
    [[nodiscard]] bool becomes_sorry(const Service& service, const Backend& backend) const {
        const auto id = before_.image.ids.at(service.name).current(backend.name);
        return id && is_sorry(after_.image, *id) && !is_sorry(before_.image, *id);
    }
    [[nodiscard]] bool some_leave_sorry(const Service& service) const {
        const auto is_udp = [](const PortSpec& port) { return !has_connections(port.protocol); };
        return std::ranges::any_of(service.ports, is_udp) && !std::ranges::all_of(service.ports, is_udp) &&
               std::ranges::any_of(service.backends, [&](const Backend& one) { return becomes_sorry(service, one); });
    }

    [[nodiscard]] bool is_lost(const Service& service, const Backend& backend, Rule rule) const {
        const auto id = before_.image.ids.at(service.name).current(backend.name);
        const auto owner = id ? owners_.of(*id) : std::nullopt;
        if (!owner || owner->backend == nullptr || owner->backend->address != backend.address) return true;
        const bool is_udp = std::ranges::none_of(service.ports, has_connections, &PortSpec::protocol);
        return is_left(after_.image, *id) || (rule == Rule::stays && is_udp && becomes_sorry(service, backend));
    }

    const Side& before_;
    const Side& after_;
    const Change& change_;
    Owners owners_;
    Changes changes_;
};

}  // namespace

std::vector<Turnover> turnovers(const Side& before, const Side& after, const Change& change) {
    std::vector<Turnover> all;
    Prediction prediction(before, after, change);
    for (const Service& service : change.gone) all.push_back(prediction.of(service));
    for (const Service& service : change.neighbours) {
        if (!prediction.is_divided(service)) continue;
        Turnover& one = all.emplace_back(Turnover{.service = service.name, .slots = 0, .changes = {}, .lost = {}});
        one.rule = service.track == Track::none ? Rule::untracked : Rule::unknown;
    }
    std::erase_if(all, [](const Turnover& one) { return one.is_empty(); });
    return all;
}

std::uint32_t changed_slots(const Turnover& turnover) {
    return turnover.changes ? static_cast<std::uint32_t>(std::ranges::count(*turnover.changes, true)) : 0;
}

}  // namespace culvert::lbd
