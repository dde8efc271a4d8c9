// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/log.hpp"
#include "lbd/drain/drains.hpp"
#include "lbd/model/log_events.hpp"
#include "lbd/model/successors.hpp"

namespace culvert::lbd {
namespace {

bool has_backend(const Service& service, const std::string& name) {
    return std::ranges::find(service.backends, name, &Backend::name) != service.backends.end();
}

/// The name of a backend that was drained; empty if it is gone. Another address under the same name stays drained.
std::string present_name(const Successor& service, const std::string& drained) {
    const auto names = present_names(service);
    if (const auto name = names.find(drained); name != names.end()) return name->second;
    const bool is_other = std::ranges::find(names, drained, [](const auto& one) { return one.second; }) != names.end();
    return !is_other && has_backend(*service.present, drained) ? drained : std::string();
}

}  // namespace

DrainHeirs heirs_of(const Drains& drains, const Config& config) {
    DrainHeirs heirs;
    if (drains.empty()) return heirs;
    for (const Drained& drained : drains) heirs[drained];
    for (const Service& service : config.services) {
        const auto first = drains.lower_bound({service.name, {}});
        for (auto drained = first; drained != drains.end() && drained->service == service.name; ++drained)
            if (has_backend(service, drained->backend)) heirs[*drained].insert(*drained);
    }
    return heirs;
}

DrainHeirs heirs_of(const Drains& drains, const Config& before, const Config& after) {
    DrainHeirs heirs;
    if (drains.empty()) return heirs;
    std::unordered_map<std::string, std::vector<Successor>> changed;  // by the former name
    for (const Successor& service : successors(before.services, after.services))
        changed[service.former->name].push_back(service);
    for (auto& [drained, own] : heirs_of(drains, after)) {
        const auto service = changed.find(drained.service);
        if (service == changed.end()) {
            heirs.emplace(drained, own);
            continue;
        }
        Drains& present = heirs[drained];
        for (const Successor& successor : service->second)
            if (const std::string name = present_name(successor, drained.backend); !name.empty())
                present.insert({successor.present->name, name});
    }
    return heirs;
}

Drains all_heirs(const DrainHeirs& heirs) {
    Drains all;
    for (const auto& [drained, own] : heirs) all.insert(own.begin(), own.end());
    return all;
}

void log_heirs(const DrainHeirs& heirs) {
    for (const auto& [drained, own] : heirs) {
        for (const Drained& heir : own)
            if (heir != drained)
                common::log(spdlog::level::info,
                            {{"EVENT", log_event("drained")}, {"SERVICE", heir.service}, {"BACKEND", heir.backend}},
                            fmt::format("{}: {} is drained, as {} of {} was", heir.service, heir.backend,
                                        drained.backend, drained.service));
        if (own.empty())
            common::log(spdlog::level::info,
                        {{"EVENT", log_event("undrained")}, {"SERVICE", drained.service}, {"BACKEND", drained.backend}},
                        fmt::format("{}: {} is no longer in the configuration, and so no longer drained",
                                    drained.service, drained.backend));
    }
}

}  // namespace culvert::lbd
