// SPDX-License-Identifier: Apache-2.0
#include "lbd/cluster/view.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "lbd/cluster/digest.hpp"
#include "lbd/encap/encap.hpp"

namespace culvert::lbd {
namespace {

std::string_view word(BackendState state) {
    switch (state) {
        case BackendState::active:
            return "active";
        case BackendState::drain:
            return "drain";
        case BackendState::sorry:
            return "sorry";
        case BackendState::drained_sorry:
            return "sorry, drained";
    }
    return {};
}

/// "gue port 5080 variant 0 inner ip checksum auto"
std::string words(const Encap& encap) {
    std::string text(name(kind_of(encap)));
    const auto put = [&](const auto& value) { text += fmt::format(" {}", value); };
    std::visit(
        [&]<typename Kind>(const Kind& kind) {
            for_each_key<Kind>([&](const auto& key) {
                put(key.name);
                const auto& value = kind.*key.member;
                if constexpr (requires { key.text(value); })
                    put(key.text(value));
                else if constexpr (requires { value.to_string(); })
                    put(value.to_string());
                else
                    put(value);
            });
        },
        encap);
    return text;
}

/// A backend that takes new flows, and its part of them.
using Share = std::pair<std::string_view, std::uint64_t>;

/// As the plan has it: those in this state that are up, sorted.
std::vector<Share> shares(const Service& service, const Health& health, BackendState state) {
    std::vector<Share> shares;
    std::uint64_t whole = 1;
    for (const Backend& backend : service.backends) {
        if (backend.state != state || backend.weight == 0) continue;
        const BackendHealth known = health_of(health, service.name, backend.name);
        if (!known.up) continue;
        if (known.percent < 100) whole = 100;
        shares.emplace_back(backend.name, std::uint64_t{backend.weight} * known.percent);
    }
    for (Share& share : shares) share.second = share.second * whole / 100;
    std::ranges::sort(shares);
    return shares;
}

}  // namespace

std::uint64_t table_digest(const Service& service, const Health& health) {
    const std::size_t minimum = service.health ? service.health->minimum : 1U;
    auto table = shares(service, health, BackendState::active);
    if (table.size() < minimum) table = shares(service, health, BackendState::sorry);
    ViewDigest digest;
    digest.add(service.table_size);
    for (const auto& [name, weight] : table) {
        digest.add(name);
        digest.add(weight);
    }
    return digest.value();
}

ServiceView view_of(const Service& service, const Health& health) {
    ServiceView view{
        .name = service.name, .table = table_digest(service, health), .whole = 0, .idle = service.idle, .lines = {}};
    const auto put = [&](std::string key, auto&& value) {
        view.lines.push_back({std::move(key), fmt::format("{}", value)});
    };
    std::vector<std::string> ports;
    for (const PortSpec& port : service.ports) ports.push_back(to_string(port));
    std::ranges::sort(ports);
    put("vip", service.vip.to_string());
    put("ports", fmt::format("{}", fmt::join(ports, ", ")));
    put("table", service.table_size);
    put("sticky", service.sticky);
    put("track", name(service.track));
    put("idle", fmt::format("{}ms", service.idle.count()));
    if (service.health) put("minimum", service.health->minimum);
    for (const Backend& backend : service.backends) {
        const std::string key = "backend " + backend.name;
        put(key, backend.address.to_string());
        put(key + ": encap", words(backend.encap));
        put(key + ": weight", backend.weight);
        put(key + ": state", word(backend.state));
        put(key + ": health", health_of(health, service.name, backend.name).up ? "up" : "down");
    }
    std::ranges::sort(view.lines);
    ViewDigest digest;
    for (const ViewLine& line : view.lines) {
        digest.add(line.key);
        digest.add(line.value);
    }
    view.whole = digest.value();
    return view;
}

}  // namespace culvert::lbd
