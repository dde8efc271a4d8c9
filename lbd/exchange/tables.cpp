// SPDX-License-Identifier: Apache-2.0
#include "lbd/exchange/tables.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include "lbd/plan/connection_ports.hpp"
#include "lbd/plan/maglev.hpp"

namespace culvert::lbd {

std::uint32_t number_of(const OwnSlots& slots, const Image& image) {
    return slots.line == 0 ? slots.table.size : image.transitions.at(slots.line).slots;
}

std::vector<OwnSlots> own_slots(const Service& service, const Image& image) {
    std::vector<OwnSlots> all;
    for (const lb_service& port : connection_ports(service, image)) {
        if ((port.flags & (LB_SERVICE_EACH | LB_SERVICE_NEVER)) != 0) continue;
        const OwnSlots one{.table = {.line = port.ring, .size = port.ring_size}, .line = port.transition};
        if (std::ranges::find(all, one) == all.end()) all.push_back(one);
    }
    return all;
}

void tell_table(const Ring& ring, Exceptions& exceptions) {
    if (ring.contenders.empty()) return;
    exceptions.table_size = ring.size;
    exceptions.weights.assign(exceptions.backends.size(), 0);
    for (const Contender& contender : ring.contenders) {
        const auto known = std::ranges::find(exceptions.backends, contender.name);
        const auto index = static_cast<std::size_t>(known - exceptions.backends.begin());
        if (known == exceptions.backends.end()) {
            exceptions.backends.push_back(contender.name);
            exceptions.weights.push_back(0);
        }
        exceptions.weights[index] = contender.weight;
    }
}

std::vector<std::uint16_t> other_table(const Exceptions& told, const Ring& own) {
    if (told.table_size != own.size) return {};
    std::map<std::string_view, std::uint32_t> owns, theirs;
    for (const Contender& contender : own.contenders) owns.emplace(contender.name, contender.weight);
    std::vector<Contender> contenders;
    for (std::size_t i = 0; i < told.weights.size(); ++i) {
        if (told.weights[i] == 0) continue;
        theirs.emplace(told.backends[i], told.weights[i]);
        contenders.push_back(
            {.value = static_cast<std::uint16_t>(i), .name = told.backends[i], .weight = told.weights[i]});
    }
    std::erase_if(owns, [](const auto& one) { return one.second == 0; });
    if (owns == theirs) return {};
    return maglev_table(contenders, told.table_size);
}

}  // namespace culvert::lbd
