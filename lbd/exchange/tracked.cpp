// SPDX-License-Identifier: Apache-2.0
#include "lbd/exchange/tracked.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "lbd/plan/connection_ports.hpp"
#include "lbd/plan/transitions.hpp"

namespace culvert::lbd {
namespace {

bool tracks_each(const Service& service, const PortSpec& port) {
    return (tracking(service, port.protocol) & LB_SERVICE_EACH) != 0;
}

/// The transitions of the ports that follow a table; each once.
std::vector<std::uint32_t> lines_of(const Service& service, const Image& image) {
    std::vector<std::uint32_t> lines;
    for (const lb_service& port : connection_ports(service, image)) {
        if (port.transition == 0 || (port.flags & LB_SERVICE_EACH) != 0) continue;
        if (std::ranges::find(lines, port.transition) == lines.end()) lines.push_back(port.transition);
    }
    return lines;
}

}  // namespace

Tracked::Tracked(const Services& configured, const Image& image, const FlowClock& clock) {
    std::map<std::uint32_t, std::uint32_t> by_line;  // indexes
    for (const Service& service : configured) {
        TrackedService tracked{.name = service.name,
                               .backends = {},
                               .by_value = {},
                               .each = std::ranges::any_of(
                                   service.ports, [&](const PortSpec& port) { return tracks_each(service, port); }),
                               .lines = {},
                               // Four times before a peer would forget the flow.
                               .refresh = std::max<std::uint16_t>(clock.units(service.idle) / 4, 1)};
        const auto transitions = lines_of(service, image);
        if (!tracked.each && transitions.empty()) continue;
        for (const std::uint32_t line : transitions) {
            const auto [known, is_new] = by_line.try_emplace(line, static_cast<std::uint32_t>(lines.size()));
            if (is_new) lines.push_back({.line = line, .slots = image.transitions.at(line).slots, .services = {}});
            TrackedLine& one = lines[known->second];
            one.services.push_back(static_cast<std::uint32_t>(services.size()));
            one.refresh = std::min(one.refresh, tracked.refresh);
            tracked.lines.push_back(known->second);
        }
        const ServiceIds& ids = image.ids.at(service.name);
        const auto number = static_cast<std::uint32_t>(services.size() + 1);
        std::map<std::string_view, std::uint16_t> known;  // a backend may have several ids
        for (const auto& [id, backend] : ids.backends) {
            const auto index = static_cast<std::uint16_t>(tracked.backends.size());
            const auto one = known.emplace(backend, index).first;
            if (one->second == index) tracked.backends.push_back(backend);
            if (id >= by_dest.size()) by_dest.resize(id + 1UL);
            by_dest[id] = {.service = number, .backend = one->second};
            if (!ids.in_block(id)) continue;
            const std::uint32_t value = id - ids.base;
            if (value >= tracked.by_value.size()) tracked.by_value.resize(value + 1UL, LB_NO_FORMER);
            tracked.by_value[value] = one->second;
        }
        services.push_back(std::move(tracked));
    }
}

}  // namespace culvert::lbd
