// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <unordered_set>

#include "lbd/plan/former_ports.hpp"
#include "lbd/plan/plan.hpp"

namespace culvert::lbd {
namespace {

using Shareds = std::unordered_set<Services::Shared>;

/// Backends that are in both, and whose next hop differs.
std::set<IpAddress> moved_between(const Hops& before, const Hops& after) {
    std::set<IpAddress> moved;
    for (const auto& [backend, hop] : after)
        if (const auto known = before.find(backend); known != before.end() && known->second != hop)
            moved.insert(backend);
    return moved;
}

/// Services that have a backend whose health differs.
std::set<std::string> turned_between(const Health& before, const Health& after) {
    std::set<std::string> turned;
    for (const auto& [who, health] : after)
        if (health_of(before, who.first, who.second) != health) turned.insert(who.first);
    for (const auto& [who, health] : before)
        if (health_of(after, who.first, who.second) != health) turned.insert(who.first);
    return turned;
}

}  // namespace

Change difference(const Situation& before, const Situation& after) {
    // Usually nearly all services are the same. That is checked first, without sets.
    const auto& old = before.services.shared();
    const auto& present = after.services.shared();
    const auto [old_first, first] = std::ranges::mismatch(old, present);
    auto old_end = old.end();
    auto end = present.end();
    while (old_end != old_first && end != first && *std::prev(old_end) == *std::prev(end)) --old_end, --end;
    const Shareds old_ones(old_first, old_end);
    const Shareds new_ones(first, end);

    const std::set<IpAddress> moved = moved_between(before.hops, after.hops);
    const std::set<std::string> turned = turned_between(before.health, after.health);
    const auto is_touched = [&](const Service& service) {
        const auto has_moved = [&](const Backend& backend) { return moved.contains(backend.address); };
        return turned.contains(service.name) || (!moved.empty() && std::ranges::any_of(service.backends, has_moved));
    };
    Change change;
    Services others;
    for (auto service = old_first; service != old_end; ++service)
        if (!new_ones.contains(*service)) change.gone.push_back(*service);
    for (auto service = present.begin(); service != present.end(); ++service) {
        const bool is_new = service >= first && service < end && !old_ones.contains(*service);
        if (!is_new && !is_touched(**service)) continue;
        change.come.push_back(*service);
        if (is_new)
            others.push_back(*service);
        else
            change.gone.push_back(*service);
    }
    change.neighbours = neighbours(before.services, change.gone, others);
    return change;
}

}  // namespace culvert::lbd
