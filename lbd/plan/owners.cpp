// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/owners.hpp"

#include <algorithm>
#include <cassert>
#include <set>
#include <string>
#include <string_view>

namespace culvert::lbd {
namespace {

void write(char (&field)[LB_NAME_SIZE], std::string_view name) {
    assert(name.size() < LB_NAME_SIZE);
    std::ranges::copy(name, field);
}

std::string read(const char (&field)[LB_NAME_SIZE]) { return {field, std::ranges::find(field, '\0')}; }

}  // namespace

Owners owners(const Ids& ids) {
    Owners result;
    for (const auto& [service, own] : ids)
        for (const auto& [id, backend] : own.backends) {
            lb_owner& owner = result[id];
            write(owner.service, service);
            write(owner.backend, backend);
            owner.block = id == own.base ? own.size : 0;
        }
    return result;
}

Ids ids_of(const Owners& owners) {
    Ids ids;
    for (const auto& [id, owner] : owners) {
        ServiceIds& own = ids[read(owner.service)];
        own.backends[id] = read(owner.backend);
        if (owner.block <= own.size) continue;
        own.base = id;
        own.size = owner.block;
    }
    return ids;
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
    std::erase_if(ids, [&](const auto& service) { return service.second.backends.empty(); });
    return ids;
}

}  // namespace culvert::lbd
