// SPDX-License-Identifier: Apache-2.0
#include "lbd/model/owners.hpp"

#include <algorithm>
#include <cassert>
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

}  // namespace culvert::lbd
