// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/read.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "common/scalars.hpp"
#include "lbd/config/file/conflicts.hpp"
#include "lbd/config/file/encap.hpp"
#include "lbd/config/file/foreign_keys.hpp"
#include "lbd/config/file/health.hpp"
#include "lbd/config/file/marks.hpp"
#include "lbd/config/file/metrics.hpp"

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;
using yaml::MapReader;
using yaml::Value;

/// A backend as written. Where it says no encapsulation, that of the service counts, which a pool doesn't know.
struct WrittenBackend {
    Backend backend;
    std::optional<Encap> encap;
    Value value;
};

using Pools = std::map<std::string, std::vector<WrittenBackend>, std::less<>>;

/// What services take over where they say nothing themselves.
struct Defaults {
    std::optional<Encap> encap;
    std::optional<HealthCheck> health;
    std::uint32_t table_size = Service{}.table_size;
    std::chrono::milliseconds idle = Service{}.idle;
};

constexpr std::array protocols{Protocol::tcp, Protocol::udp, Protocol::sctp};

bool is_prime(std::uint32_t number) {
    if (number < 2) return false;
    for (std::uint64_t divisor = 2; divisor * divisor <= number; ++divisor)
        if (number % divisor == 0) return false;
    return true;
}

std::uint32_t next_prime(std::uint32_t number) {
    while (!is_prime(number)) ++number;
    return number;
}

/// A name that commands, metrics and JSON can carry unquoted.
std::optional<std::string> read_name(const Value& value) {
    constexpr std::size_t longest = 63;
    const yaml::Wanted wanted{"a name", fmt::format("1 to {} letters, digits and - _ . :", longest)};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    const bool allowed =
        text->find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:") ==
        std::string_view::npos;
    if (text->empty() || text->size() > longest || !allowed || text->front() == '-') return value.mismatch(wanted);
    return std::string(*text);
}

/// What is wrong with packets from or to it, if anything is.
std::string_view strangeness(const IpAddress& address) {
    if (address.is_any()) return "the unspecified";
    if (address.is_loopback()) return "a loopback";
    if (address.is_multicast()) return "a multicast";
    if (address.to_string() == "255.255.255.255") return "the broadcast";
    if (!address.is_v4() && address.is_link_local()) return "a link-local";
    return {};
}

/// An address that one host can have and that means the same everywhere.
template <typename Reader>
std::optional<IpAddress> read_unicast(const Value& value, Reader read) {
    const auto address = read(value);
    if (!address) return std::nullopt;
    const std::string_view kind = strangeness(*address);
    if (kind.empty()) return address;
    return value.fail(
        fmt::format("{} is {} address: write a unicast address that can be routed", address->to_string(), kind));
}

std::optional<IpAddress> read_backend_address(const Value& value) { return read_unicast(value, yaml::address); }

/// An address, or a network no wider than anybody is assigned.
std::optional<Vip> read_vip(const Value& value) {
    const auto written = netlink::Prefix::parse(value.node().text);
    if (!written || written->is_host()) return read_unicast(value, yaml::single_address);
    const auto prefix = yaml::prefix(value);
    if (!prefix) return std::nullopt;
    const int shortest = prefix->address.is_v4() ? 8 : 32;
    if (prefix->length < shortest)
        return value.fail(fmt::format("{} is too wide for a VIP: write /{} or longer", prefix->to_string(), shortest));
    if (const std::string_view kind = strangeness(prefix->address); !kind.empty())
        return value.fail(
            fmt::format("{} has {} address: write a network that can be routed", prefix->to_string(), kind));
    return prefix;
}

std::optional<std::uint32_t> read_table_size(const Value& value) {
    constexpr std::uint32_t largest = 16'777'213;  // the largest prime below 2^24
    const auto size = yaml::number<std::uint32_t>("the size of a Maglev table", 101, largest)(value);
    if (size && !is_prime(*size))
        return value.fail(fmt::format("{} is no prime, which the size of a Maglev table must be: write {}", *size,
                                      next_prime(*size)));
    return size;
}

/// The only scheduler so far: its name is checked, and there is nothing to keep.
void check_scheduler(MapReader& map) {
    map.optional("scheduler", yaml::one_of<int>("a scheduler", {{"maglev", 0}}), std::ignore);
}

std::optional<std::uint16_t> port_number(std::string_view text) {
    const auto port = yaml::decimal(text);
    if (!port || *port == 0 || *port > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
    return static_cast<std::uint16_t>(*port);
}

std::optional<PortSpec> read_port_spec(const Value& value) {
    const yaml::Wanted wanted{"a port with its protocol", "one such as 53/udp, 8000-8099/tcp or any/sctp, up to 65535"};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    if (*text == "any") return value.fail("any stands alone: write ports: any, or any/tcp here");
    const auto slash = std::min(text->find('/'), text->size());
    const std::string_view ports = text->substr(0, slash);
    const auto dash = std::min(ports.find('-'), ports.size());
    const auto first = port_number(ports.substr(0, dash));
    const auto last = dash == ports.size() ? first : port_number(ports.substr(dash + 1));
    const bool is_any = ports == "any";
    if (!is_any && (!first || !last)) return value.mismatch(wanted);
    if (!is_any && *first > *last)
        return value.fail(fmt::format("{} ends before it begins: write {}-{}", yaml::in_quotes(ports), *last, *first));
    if (slash == text->size())
        return value.fail(fmt::format("\"{0}\" has no protocol: write {0}/tcp or {0}/udp, or both", ports));
    for (const Protocol protocol : protocols)
        if (text->substr(slash + 1) == name(protocol))
            return PortSpec{protocol, is_any ? std::uint16_t{0} : *first, is_any ? std::uint16_t{0} : *last};
    return value.fail(fmt::format("{} is not a protocol: write {}/tcp, {}/udp or {}/sctp",
                                  yaml::in_quotes(text->substr(slash + 1)), ports, ports, ports));
}

std::optional<std::vector<PortSpec>> read_ports(const Value& value) {
    std::vector<PortSpec> ports;
    if (value.node().text == "any") {
        for (const Protocol protocol : protocols) ports.push_back({protocol, 0});
        return ports;
    }
    const auto elements = value.list({"a list of ports", "one such as [53/udp, 53/tcp], or any"});
    if (!elements) return std::nullopt;
    if (elements->empty()) return value.fail("no ports: write some, such as [53/udp, 53/tcp], or any");
    for (const Value& element : *elements) {
        const auto spec = read_port_spec(element);
        if (!spec) continue;
        if (std::ranges::any_of(ports, [&](const PortSpec& other) { return overlap(*spec, other); }))
            element.fail(fmt::format("{} is in this list already: remove it", element.node().text));
        else
            ports.push_back(*spec);
    }
    return ports;
}

std::optional<std::uint64_t> read_flow_entries(const Value& value) {
    const auto entries = yaml::size_between(value, "a number of flow entries", 1 << 10, 1 << 30);
    if (entries && !std::has_single_bit(*entries))
        return value.fail(fmt::format("{} is not a power of two, which the flow table's size must be: write {}",
                                      value.node().text, yaml::size_text(std::bit_ceil(*entries))));
    return entries;
}

std::optional<std::chrono::milliseconds> read_idle(const Value& value) {
    return yaml::duration("an idle time", std::chrono::seconds(1), longest_idle)(value);
}

std::optional<Flows> read_flows(const Value& value) {
    Flows flows;
    MapReader map(value, "the flow table", "a map such as {entries: 4M, idle: 120s}");
    map.optional("entries", read_flow_entries, flows.entries);
    map.optional("idle", read_idle, flows.idle);
    map.finish();
    return flows;
}

/// One that is bad is reported; L2 then stands for it, as nothing that follows can be wrong with that.
void read_encap_key(MapReader& map, std::optional<Encap>& encap) {
    if (map.find("encap")) encap = L2{};
    map.optional("encap", read_encap, encap);
}

std::optional<Defaults> read_defaults(const Value& value) {
    Defaults defaults;
    MapReader map(value, "defaults");
    read_encap_key(map, defaults.encap);
    check_scheduler(map);
    map.optional("table", read_table_size, defaults.table_size);
    map.optional("health", read_health, defaults.health);
    map.finish();
    return defaults;
}

std::optional<WrittenBackend> read_backend(const Value& value) {
    static const auto state = yaml::one_of<BackendState>(
        "a backend's state",
        {{"active", BackendState::active}, {"drain", BackendState::drain}, {"sorry", BackendState::sorry}});
    WrittenBackend written{{}, {}, value};
    Backend& backend = written.backend;
    MapReader map(value, "a backend", "a map such as {address: 10.0.2.30}", foreign_backend_keys);
    const bool has_address = map.required("address", read_backend_address, backend.address, "10.0.2.30");
    backend.name = backend.address.to_string();
    map.optional("name", read_name, backend.name);
    map.optional("weight", yaml::number<std::uint16_t>("a weight"), backend.weight);
    read_encap_key(map, written.encap);
    map.optional("state", state, backend.state);
    map.finish();
    if (!has_address) return std::nullopt;
    return written;
}

std::optional<std::vector<WrittenBackend>> read_backends(const Value& value) {
    constexpr std::size_t most = std::numeric_limits<std::uint16_t>::max();
    const auto elements = value.list({"a list of backends", "one item such as \"- {address: 10.0.2.30}\" for each"});
    if (!elements) return std::nullopt;
    if (elements->empty()) return value.fail("no backends: write at least one, such as [{address: 10.0.2.30}]");
    if (elements->size() > most)
        return value.fail(fmt::format("{} backends: at most {} can be", elements->size(), most));
    std::vector<WrittenBackend> backends;
    std::map<IpAddress, std::size_t> addresses;
    std::map<std::string, std::size_t> names;
    for (const Value& element : *elements) {
        auto written = read_backend(element);
        if (!written) continue;
        const auto line = element.position().line;
        const auto& [address, address_is_new] = addresses.emplace(written->backend.address, line);
        const auto& [name, name_is_new] = names.emplace(written->backend.name, line);
        if (!address_is_new)
            element.fail(fmt::format("backend {} is in this list already, in line {}: use weight for a larger share",
                                     address->first.to_string(), address->second));
        else if (!name_is_new)
            element.fail(fmt::format("a backend named {} is in this list already, in line {}: choose another name",
                                     yaml::in_quotes(name->first), name->second));
        backends.push_back(*std::move(written));
    }
    return backends;
}

std::optional<Pools> read_pools(const Value& value) {
    const auto entries = value.map({"a map of pools", "one such as {web: [{address: 10.0.2.30}]}"});
    if (!entries) return std::nullopt;
    Pools pools;
    for (const auto& [key, list] : *entries) {
        const auto name = read_name(key);
        auto backends = read_backends(list);
        if (name) pools.emplace(*name, std::move(backends).value_or(std::vector<WrittenBackend>{}));
    }
    return pools;
}

/// Completes a backend by what its service says, and checks that they fit; complaints go to `place`.
Backend complete(const WrittenBackend& written, const std::optional<Encap>& inherited, const Vip& vip,
                 const Value& place) {
    Backend backend = written.backend;
    const std::string address = backend.address.to_string();
    if (!written.encap && !inherited)
        place.fail(fmt::format(
            "backend {} has no encapsulation: write encap: {{type: …}} for it, its service or in defaults", address));
    backend.encap = written.encap ? *written.encap : inherited.value_or(Encap{});
    if (std::holds_alternative<L3dsr>(backend.encap) && backend.address.family() != vip.family())
        place.fail(fmt::format("l3dsr only replaces the address in the packet: backend {} must be {} as VIP {} is",
                               address, vip.family() == Family::ipv4 ? "IPv4" : "IPv6", vip.to_string()));
    if (std::holds_alternative<L3dsr>(backend.encap) && !vip.prefix.is_host())
        place.fail(fmt::format("l3dsr replaces the address: backend {} could not tell which one of {} was meant",
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

/// Backends, each with the place for complaints about its part in this service.
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
PlacedBackends find_backends(MapReader& map, const Pools& pools) {
    const auto pool = map.find("pool");
    if (pool && map.find("backends")) pool->fail("pool and backends exclude each other: remove one");
    if (pool) return read_pool(*pool, pools);
    std::vector<WrittenBackend> backends;
    map.required("backends", read_backends, backends, "[{address: 10.0.2.30}]");
    PlacedBackends placed;
    for (const WrittenBackend& written : backends) placed.emplace_back(written, written.value);
    return placed;
}

std::optional<ReadService> read_service(const Value& value, const Defaults& defaults, const Pools& pools) {
    MapReader map(value, "a service", "a map such as {name: dns, vip: 192.0.2.1, …}", foreign_service_keys);
    ReadService read{{}, map.find("name").value_or(value), map.find("ports").value_or(value), {}};
    Service& service = read.service;
    const bool has_name = map.required("name", read_name, service.name, "dns");
    const bool has_vip = map.required("vip", read_vip, service.vip, "192.0.2.1");
    map.required("ports", read_ports, service.ports, "[53/udp, 53/tcp]");
    std::optional<Encap> encap = defaults.encap;
    read_encap_key(map, encap);
    check_scheduler(map);
    service.table_size = defaults.table_size;
    map.optional("table", read_table_size, service.table_size);
    map.optional("sticky", yaml::boolean, service.sticky);
    service.idle = defaults.idle;
    map.optional("idle", read_idle, service.idle);
    service.health = defaults.health;
    map.optional("health", read_health, service.health);
    const PlacedBackends backends = find_backends(map, pools);
    map.finish();
    if (!has_vip) return std::nullopt;
    for (const auto& [written, place] : backends) {
        service.backends.push_back(complete(written, encap, service.vip, place));
        read.backends.push_back(place);
    }
    check_spread(service, map.find("table").value_or(read.name));
    if (!has_name) return std::nullopt;
    return read;
}

std::optional<Config> read_root(const Value& value) {
    static const auto xdp_mode = yaml::one_of<XdpMode>(
        "an XDP mode", {{"auto", XdpMode::automatic}, {"native", XdpMode::native}, {"generic", XdpMode::generic}});
    Config config;
    Defaults defaults;
    Pools pools;
    std::vector<ReadService> services;
    MapReader map(value, "the configuration", "a map of interfaces, services and so on", foreign_root_keys);
    map.required("interfaces", yaml::interface_names, config.interfaces, "[eth0]");
    map.optional("xdp", xdp_mode, config.xdp);
    map.optional("flows", read_flows, config.flows);
    map.optional("latency", yaml::boolean, config.latency);
    map.optional("metrics", read_metrics, config.metrics);
    map.optional("defaults", read_defaults, defaults);
    map.optional("pools", read_pools, pools);
    defaults.idle = config.flows.idle;
    const auto service = [&](const Value& item) { return read_service(item, defaults, pools); };
    map.required("services",
                 yaml::list_of(service, {"a list of services", "one item for each, starting with \"- name:\""}),
                 services, "[{name: dns, vip: 192.0.2.1, …}]");
    map.finish();
    check_conflicts(services);
    for (ReadService& read : services) config.services.push_back(std::move(read.service));
    return config;
}

}  // namespace

yaml::Result<Reading> read_config(std::string_view file, std::string text) {
    const auto read = [&](const Value& value) -> std::optional<Reading> {
        auto config = read_root(value);
        if (!config) return std::nullopt;
        return Reading{.config = *std::move(config), .text = {}, .marks = marks_of(value.node(), text)};
    };
    auto reading = yaml::parse(file, text, read);
    if (reading) reading->text = std::move(text);
    return reading;
}

}  // namespace culvert::lbd
