// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/ids.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "lbd/model/cure.hpp"
#include "lbd/model/successors.hpp"
#include "lbd/plan/extents.hpp"

namespace culvert::lbd {
namespace {

Extents taken_by(const Ids& ids, std::uint32_t limit) {
    Extents extents(1, limit);
    for (const auto& [name, service] : ids) {
        for (const auto& [id, backend] : service.backends)
            if (!service.in_block(id)) extents.mark(id, 1);
        extents.mark(service.base, service.size);
    }
    return extents;
}

/// Gives an id to each of `names` that has none in the block. If the block is too small: false, and nothing is changed.
bool fill(ServiceIds& ids, std::set<std::string_view> names) {
    std::vector<std::uint32_t> free;
    for (std::uint32_t id = ids.base; ids.in_block(id); ++id) {
        const auto it = ids.backends.find(id);
        if (it == ids.backends.end())
            free.push_back(id);
        else
            names.erase(it->second);
    }
    if (ids.size == 0 || free.size() < names.size()) return false;
    auto id = free.begin();
    for (const std::string_view name : names) ids.backends.emplace(*id++, name);
    return true;
}

}  // namespace

std::uint32_t block_size(std::size_t backends) {
    return std::max(4U, std::bit_ceil(static_cast<std::uint32_t>(backends) + 1));
}

netlink::Result<Ids> assign_ids(const Services& services, const Ids& before, std::uint32_t limit) {
    std::optional<Extents> extents;  // made on demand, as it takes long and is seldom needed
    Ids ids;
    for (const Service& service : services) {
        std::set<std::string_view> names;
        for (const Backend& backend : service.backends) names.insert(backend.name);
        ServiceIds& own = ids[service.name];
        if (const auto known = before.find(service.name); known != before.end()) own = known->second;
        if (fill(own, names)) continue;
        if (!extents) extents = taken_by(before, limit);
        const std::uint32_t size = std::max(block_size(names.size()), own.size);
        const auto base = extents->take(size);
        if (!base)
            return netlink::failure("assign destination ids", "service " + service.name, ENOSPC,
                                    fmt::format("the map has {}", limit), std::string(cure_of("maps_full")));
        own.base = *base;
        own.size = size;
        fill(own, names);
    }
    return ids;
}

std::optional<Ids> renamed(const Ids& ids, const Services& gone, const Services& come) {
    std::set<const Service*> taken;  // the first successor takes over all
    Ids present;
    bool is_other = false;
    for (const Successor& service : successors(gone, come)) {
        if (!taken.insert(service.former).second) continue;
        ServiceIds own = ids.at(service.former->name);
        const auto names = present_names(service);
        for (auto& [id, name] : own.backends)
            if (const auto other = names.find(name); other != names.end() && other->second != name) {
                name = other->second;
                is_other = true;
            }
        is_other |= service.former->name != service.present->name;
        // What a second predecessor adds is outside of the block.
        present.emplace(service.present->name, ServiceIds{own.base, own.size, {}})
            .first->second.backends.merge(own.backends);
    }
    if (!is_other) return std::nullopt;
    Ids all = ids;
    for (const Service* service : taken) all.erase(service->name);
    for (auto& [name, own] : all)
        if (const auto other = present.find(name); other != present.end()) other->second.backends.merge(own.backends);
    for (auto& [name, own] : present) all.insert_or_assign(name, std::move(own));
    return all;
}

Ids forget_unused(Ids ids, const Services& services, const std::function<bool(std::uint32_t)>& in_use) {
    std::set<std::string_view> wanted;
    for (const Service& service : services) wanted.insert(service.name);
    const auto is_used = [&](const auto& entry) { return in_use(entry.first); };
    for (auto& [name, own] : ids)
        if (wanted.contains(name) || std::ranges::any_of(own.backends, is_used))
            std::erase_if(own.backends, [&own = own, &is_used](const auto& entry) {
                return !own.in_block(entry.first) && !is_used(entry);
            });
        else
            own.backends.clear();
    std::erase_if(ids, [&](const auto& service) {
        return service.second.backends.empty() && !wanted.contains(service.first);
    });
    return ids;
}

}  // namespace culvert::lbd
