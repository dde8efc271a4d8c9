// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "lbd/config/conflicts.hpp"
#include "lbd/config/file/announce.hpp"
#include "lbd/config/file/foreign_keys.hpp"
#include "lbd/config/file/health.hpp"
#include "lbd/config/file/values.hpp"

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;
using yaml::Value;

/// Completes a backend with the values of its service, and checks that they fit. Errors are reported at `place`.
Backend complete(const WrittenBackend& written, const std::optional<Encap>& inherited, const Vip& vip,
                 const Value& place) {
    Backend backend = written.backend;
    const std::string address = backend.address.to_string();
    if (!written.encap && !inherited)
        place.fail(fmt::format(
            "backend {} has no encapsulation: write encap: {{type: …}} for it, its service or in defaults", address));
    backend.encap = written.encap ? *written.encap : inherited.value_or(Encap{});
    if (std::holds_alternative<L3dsr>(backend.encap) && backend.address.family() != vip.family())
        place.fail(fmt::format("l3dsr only replaces the address in the packet: backend {} must be {}, like VIP {}",
                               address, vip.family() == Family::ipv4 ? "IPv4" : "IPv6", vip.to_string()));
    if (std::holds_alternative<L3dsr>(backend.encap) && !vip.prefix.is_host())
        place.fail(fmt::format(
            "l3dsr replaces the address, so backend {} cannot know which address of {} is meant: write another encap",
            address, vip.to_string()));
    return backend;
}

void check_spread(const Service& service, const Value& place) {
    constexpr std::size_t entries_each = 100;  // shares are even to about 1 % (Eisenbud et al., section 5.3)
    const std::size_t least = service.backends.size() * entries_each;
    if (service.table_size < least)
        place.fail(fmt::format(
            "a table of {} is too small for {} backends, which need {} entries each for even shares: "
            "write table: {}",
            service.table_size, service.backends.size(), entries_each, next_prime(static_cast<std::uint32_t>(least))));
}

/// Backends, each with the value at which errors about it in this service are reported.
using PlacedBackends = std::vector<std::pair<WrittenBackend, Value>>;

PlacedBackends read_pool(const Value& name, const Pools& pools) {
    std::vector<std::string_view> names;
    for (const auto& [known, backends] : pools) names.push_back(known);
    PlacedBackends placed;
    if (names.empty()) {
        name.fail("there are no pools: write some under pools:, or backends: here");
    } else if (const auto index = yaml::index_in(name, names, "a pool")) {
        for (const WrittenBackend& written : pools.find(names[*index])->second) placed.emplace_back(written, name);
    }
    return placed;
}

/// A service has its backends in a list or in a pool.
PlacedBackends find_backends(Map& map, const Pools& pools) {
    const auto pool = map.find(service_keys["pool"]);
    if (pool && map.find(service_keys["backends"])) pool->fail("pool and backends exclude each other: remove one");
    if (pool) return read_pool(*pool, pools);
    std::vector<WrittenBackend> backends;
    map.required(service_keys["backends"], read_backends, backends, "[{address: 10.0.2.30}]");
    PlacedBackends placed;
    for (const WrittenBackend& written : backends) placed.emplace_back(written, written.value);
    return placed;
}

const ReadService& place_of(const Service* service, const std::vector<ReadService>& services) {
    return *std::ranges::find(services, service, [](const ReadService& read) { return &read.service; });
}

void report(const Conflict& conflict, const std::vector<ReadService>& services) {
    const ReadService& read = place_of(conflict.service, services);
    const ReadService& other = place_of(conflict.other, services);
    const std::string text = text_of(
        conflict, fmt::format("service {} (line {})", yaml::in_quotes(other.service.name), other.name.position().line));
    if (conflict.kind == Conflict::Kind::same_name)
        read.name.fail(text);
    else if (conflict.kind == Conflict::Kind::same_ports)
        read.ports.fail(text);
    else if (conflict.kind == Conflict::Kind::announced_otherwise)
        read.announce.fail(text);
    else
        read.backends[conflict.part].fail(text);
}

void check_total(const std::vector<ReadService>& services) {
    std::size_t total = 0;
    for (const ReadService& read : services) {
        const std::size_t before = std::exchange(total, total + read.backends.size());
        if (before <= most_backends && total > most_backends)
            read.name.fail(fmt::format(
                "more than {} backends in all services, each counted once per service: remove some", most_backends));
    }
}

}  // namespace

std::optional<Defaults> read_defaults(const Value& value) {
    Defaults defaults;
    Map map(value, "defaults");
    read_encap_key(map, default_keys["encap"], defaults.encap);
    map.optional(default_keys["scheduler"], read_scheduler, std::ignore);
    map.optional(default_keys["table"], read_table_size, defaults.table_size);
    map.optional(default_keys["health"], read_health, defaults.health);
    map.finish();
    return defaults;
}

std::optional<ReadService> read_service(const Value& value, const Defaults& defaults, const Pools& pools) {
    Map map(value, "a service", "a map such as {name: dns, vip: 192.0.2.1, …}", foreign_service_keys);
    const auto value_of = [&](const Key& key) { return map.find(key).value_or(value); };
    ReadService read{
        {}, value_of(service_keys["name"]), value_of(service_keys["ports"]), value_of(service_keys["announce"]), {}};
    Service& service = read.service;
    const bool has_name = map.required(service_keys["name"], read_name, service.name, "dns");
    const bool has_vip = map.required(service_keys["vip"], read_vip, service.vip, "192.0.2.1");
    map.required(service_keys["ports"], read_ports, service.ports, "[53/udp, 53/tcp]");
    std::optional<Encap> encap = defaults.encap;
    read_encap_key(map, service_keys["encap"], encap);
    map.optional(service_keys["scheduler"], read_scheduler, std::ignore);
    service.table_size = defaults.table_size;
    map.optional(service_keys["table"], read_table_size, service.table_size);
    map.optional(service_keys["sticky"], yaml::boolean, service.sticky);
    map.optional(service_keys["track"], read_track, service.track);
    service.idle = defaults.idle;
    map.optional(service_keys["idle"], read_idle, service.idle);
    service.health = defaults.health;
    map.optional(service_keys["health"], read_health, service.health);
    service.announce.metric = defaults.metric.value_or(usual_metric);
    const auto announce = [&](const Value& said) { return read_service_announce(said, defaults.metric); };
    map.optional(service_keys["announce"], announce, service.announce);
    const PlacedBackends backends = find_backends(map, pools);
    map.finish();
    if (!has_vip) return std::nullopt;
    for (const auto& [written, place] : backends) {
        service.backends.push_back(complete(written, encap, service.vip, place));
        read.backends.push_back(place);
    }
    check_spread(service, map.find(service_keys["table"]).value_or(read.name));
    if (!has_name) return std::nullopt;
    return read;
}

void check_together(const std::vector<ReadService>& services) {
    std::vector<const Service*> all;
    for (const ReadService& read : services) all.push_back(&read.service);
    find_conflicts(all, [&](const Conflict& conflict) { report(conflict, services); });
    check_total(services);
}

}  // namespace culvert::lbd
