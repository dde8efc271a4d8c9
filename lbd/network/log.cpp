// SPDX-License-Identifier: Apache-2.0
#include "lbd/network/log.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/log.hpp"
#include "lbd/model/cure.hpp"
#include "lbd/model/log_events.hpp"
#include "lbd/model/reasons.hpp"
#include "lbd/network/host_settings.hpp"

namespace culvert::lbd {

using common::log_limited;

void log_way(const WayChange& change, const Network& network) {
    const std::string address = change.backends.front().to_string();
    const std::string count = std::to_string(change.backends.size());
    if (change.hop)
        log_limited(spdlog::level::info,
                    {{"EVENT", log_event("backend_reachable")}, {"ADDRESS", address}, {"COUNT", count}},
                    text(change, network));
    else
        log_limited(spdlog::level::warn,
                    {{"EVENT", log_event("backend_unreachable")},
                     {"ADDRESS", address},
                     {"COUNT", count},
                     {"REASON", std::string(reasons[change.hop.error()].name)}},
                    text(change, network));
}

void log_narrow(const std::vector<NarrowPath>& paths) {
    if (paths.empty()) return;
    log_limited(spdlog::level::warn,
                {{"EVENT", log_event("path_too_narrow")},
                 {"SERVICE", paths.front().service},
                 {"BACKEND", paths.front().backend}},
                text(paths));
}

void log_path_mtu(const IpAddress& backend, const PathMtus::Learned& learned) {
    constexpr auto minutes = std::chrono::duration_cast<std::chrono::minutes>(PathMtus::lifetime).count();
    const std::string less = learned.told < learned.mtu
                                 ? fmt::format("; the router reported {}, but lbd accepts no less: {}", learned.told,
                                               cure_of("path_mtu_too_low"))
                                 : "";
    log_limited(spdlog::level::warn,
                {{"EVENT", log_event("path_mtu")},
                 {"ADDRESS", backend.to_string()},
                 {"MTU", std::to_string(learned.mtu)},
                 {"ROUTER", learned.router.to_string()}},
                fmt::format("backend {}: path MTU {} for {} minutes, as router {} reported{}", backend.to_string(),
                            learned.mtu, minutes, learned.router.to_string(), less));
}

void log_forgotten_path_mtu(const IpAddress& backend) {
    log_limited(spdlog::level::info, {{"EVENT", log_event("path_mtu_forgotten")}, {"ADDRESS", backend.to_string()}},
                fmt::format("backend {}: the reported path MTU has expired", backend.to_string()));
}

void log_redirects(const Network& network) {
    for (const auto& [interface, settings] : redirects(network)) {
        const auto parameters = settings.cures(interface);
        if (parameters.empty()) continue;
        log_limited(spdlog::level::warn, {{"EVENT", log_event("accepts_redirects")}, {"INTERFACE", interface}},
                    fmt::format("{}: this host follows ICMP redirects, which anybody can forge; lbd does not, but what "
                                "the host itself sends does ({})",
                                interface, fmt::format(cure_of("redirects_followed"), fmt::join(parameters, " "))));
    }
}

}  // namespace culvert::lbd
