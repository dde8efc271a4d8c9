// SPDX-License-Identifier: Apache-2.0
#include "realserver/decap/maps.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace culvert::realserver {

namespace {

using common::EncapKind;
using common::Fd;
using netlink::failure;
using netlink::Family;
using netlink::IpAddress;
using netlink::Prefix;
using netlink::Result;

std::size_t index(Family family) { return family == Family::ipv6 ? 1 : 0; }
Family family(std::size_t index) { return index == 0 ? Family::ipv4 : Family::ipv6; }

decap_address mapped(const IpAddress& address) {
    decap_address result{};
    if (address.is_v4()) result.word_be[2] = htonl(0xffff);
    std::memcpy(&result.word_be[address.is_v4() ? 3 : 0], address.bytes().data(), address.bytes().size());
    return result;
}

IpAddress unmapped(const decap_address& address) {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &address, bytes.size());
    const std::span<const std::uint8_t> all(bytes);
    const bool is_v4 = address.word_be[0] == 0 && address.word_be[1] == 0 && address.word_be[2] == htonl(0xffff);
    return *IpAddress::from_bytes(is_v4 ? all.subspan(12) : all);
}

constexpr std::uint8_t mapped_bits = 96;

decap_prefix mapped(const Prefix& prefix) {
    const Prefix network = prefix.network();
    return {.length = network.length + (network.address.is_v4() ? mapped_bits : 0U),
            .address = mapped(network.address)};
}

Prefix unmapped(const decap_prefix& prefix) {
    const IpAddress address = unmapped(prefix.address);
    return {address, static_cast<std::uint8_t>(prefix.length - (address.is_v4() ? mapped_bits : 0U))};
}

std::uint8_t bits(const std::set<Family>& inner) {
    return static_cast<std::uint8_t>((inner.contains(Family::ipv4) ? DECAP_INNER4 : 0) |
                                     (inner.contains(Family::ipv6) ? DECAP_INNER6 : 0));
}

std::set<Family> families(std::uint8_t bits) {
    std::set<Family> result;
    if ((bits & DECAP_INNER4) != 0) result.insert(Family::ipv4);
    if ((bits & DECAP_INNER6) != 0) result.insert(Family::ipv6);
    return result;
}

constexpr std::array inner_bits{std::pair{Inner::ipv4, DECAP_INNER4}, std::pair{Inner::ipv6, DECAP_INNER6},
                                std::pair{Inner::gre, DECAP_INNER_GRE}};
constexpr std::array guards{std::pair{Guard::strict, DECAP_GUARD_STRICT}, std::pair{Guard::log, DECAP_GUARD_LOG},
                            std::pair{Guard::off, DECAP_GUARD_OFF}};

/// The kinds of tunnels, named as the encapsulations that they are.
constexpr std::array<std::string_view, DECAP_KIND_COUNT> kind_names{
#define DECAP_KIND(identifier, name) name,
    DECAP_KINDS(DECAP_KIND)
#undef DECAP_KIND
};

std::uint8_t kind_of(EncapKind encap) {
    return static_cast<std::uint8_t>(std::ranges::find(kind_names, name(encap)) - kind_names.begin());
}

EncapKind encap_of(std::uint8_t kind) {
    const auto found = kind < kind_names.size() ? std::ranges::find(common::encap_names, kind_names.at(kind))
                                                : common::encap_names.end();
    return found == common::encap_names.end() ? DecapPort{}.encap
                                              : static_cast<EncapKind>(found - common::encap_names.begin());
}

decap_tunnel to_tunnel(const DecapPort& port) {
    decap_tunnel result{};
    result.kind = kind_of(port.encap);
    for (const auto& [inner, bit] : inner_bits)
        if (port.inner.contains(inner)) result.inner |= static_cast<std::uint8_t>(bit);
    result.peer_port_be = htons(port.peer_port);
    if (port.local) result.local = mapped(*port.local);
    if (port.peer) result.peer = mapped(*port.peer);
    return result;
}

DecapPort to_port(const decap_tunnel& tunnel) {
    DecapPort result;
    result.encap = encap_of(tunnel.kind);
    for (const auto& [inner, bit] : inner_bits)
        if ((tunnel.inner & bit) != 0) result.inner.insert(inner);
    result.peer_port = ntohs(tunnel.peer_port_be);
    const auto address = [](const decap_address& one) -> std::optional<IpAddress> {
        const IpAddress found = unmapped(one);
        return found == IpAddress::any(Family::ipv6) ? std::nullopt : std::optional(found);
    };
    result.local = address(tunnel.local);
    result.peer = address(tunnel.peer);
    return result;
}

/// A pinned map; not open if there is none with keys and values of these sizes.
Pinned open_map(const std::string& path, std::size_t key_size, std::size_t value_size) {
    Fd map(::bpf_obj_get(path.c_str()));
    bpf_map_info info{};
    std::uint32_t size = sizeof info;
    if (!map.is_open() || ::bpf_obj_get_info_by_fd(map.get(), &info, &size) < 0 || info.key_size != key_size ||
        info.value_size != value_size)
        return {};
    return {std::move(map), info.max_entries};
}

template <typename Key, typename Value>
Result<> enter(int map, const Key& key, const Value& value) {
    if (::bpf_map_update_elem(map, &key, &value, BPF_ANY) < 0)
        return failure("fill", "a map of the XDP program", errno);
    return {};
}

/// Calls `take(key, value)` for each entry of a pinned map; false if the map is missing or of another version.
template <typename Key, typename Value, typename Take>
bool read_map(const std::string& path, Take take) {
    const Fd map = open_map(path, sizeof(Key), sizeof(Value)).fd;
    if (!map.is_open()) return false;
    Key key{};
    Value value{};
    for (const Key* previous = nullptr; ::bpf_map_get_next_key(map.get(), previous, &key) == 0; previous = &key)
        if (::bpf_map_lookup_elem(map.get(), &key, &value) == 0) take(key, value);
    return true;
}

/// Calls `add(value)` for the value of each CPU in a pinned counter.
template <typename Value, typename Add>
Result<> sum(const Pinned& map, std::uint32_t key, Add add) {
    if (key >= map.entries) return {};
    std::vector<Value> values(static_cast<std::size_t>(::libbpf_num_possible_cpus()));
    if (::bpf_map_lookup_elem(map.fd.get(), &key, values.data()) < 0)
        return failure("read", "counters of the XDP program", errno);
    for (const Value& value : values) add(value);
    return {};
}

}  // namespace

/// The constants that the program is compiled with.
decap_config to_config(const DecapProgram& program) {
    decap_config config{};
    config.version = DECAP_ABI_VERSION;
    for (const auto& [outer, inner] : program.ipip) config.ipip[index(outer)] = bits(inner);
    for (const auto& [outer, inner] : program.gre) config.gre[index(outer)] = bits(inner);
    for (const auto& [key, port] : program.ports) {
        config.udp[index(key.second)] = 1;
        config.kinds |= 1U << kind_of(port.encap);
        config.udp_gre |= port.inner.contains(Inner::gre);
    }
    for (const auto& [guard, value] : guards)
        if (program.guard == guard) config.guard = value;
    return config;
}

Result<> fill(const DecapMaps& maps, const DecapProgram& program) {
    constexpr std::uint32_t present = 1;
    for (const Prefix& balancer : program.balancers) CHECK_OK(enter(maps.balancers, mapped(balancer), present));
    for (const Prefix& vip : program.vips) CHECK_OK(enter(maps.vips, mapped(vip), present));
    for (const IpAddress& address : program.own) CHECK_OK(enter(maps.own, mapped(address), present));
    for (const auto& [key, port] : program.ports) {
        const decap_port its_key{.port_be = htons(key.first), .outer6 = static_cast<std::uint8_t>(index(key.second))};
        CHECK_OK(enter(maps.tunnels, its_key, to_tunnel(port)));
        for (const std::uint32_t vni : port.vnis)
            CHECK_OK(enter(maps.networks, decap_network{.port = its_key, .vni = vni}, present));
    }
    return {};
}

/// The program that the pinned maps describe; empty if they are of another version.
DecapProgram read_program(const std::string& directory) {
    DecapProgram program;
    bool known = false;
    bool whole =
        read_map<std::uint32_t, decap_config>(directory + config_pin, [&](std::uint32_t, const decap_config& config) {
            known = config.version == DECAP_ABI_VERSION;
            for (const auto& [guard, value] : guards)
                if (config.guard == value) program.guard = guard;
            for (const std::size_t outer : {0U, 1U}) {
                if (config.ipip[outer] != 0) program.ipip[family(outer)] = families(config.ipip[outer]);
                if (config.gre[outer] != 0) program.gre[family(outer)] = families(config.gre[outer]);
            }
        });
    const auto place = [](const decap_port& key) { return std::pair{ntohs(key.port_be), family(key.outer6)}; };
    whole &= read_map<decap_port, decap_tunnel>(
        directory + "tunnels",
        [&](const decap_port& key, const decap_tunnel& tunnel) { program.ports[place(key)] = to_port(tunnel); });
    whole &=
        read_map<decap_network, std::uint32_t>(directory + "networks", [&](const decap_network& key, std::uint32_t) {
            if (const auto port = program.ports.find(place(key.port)); port != program.ports.end())
                port->second.vnis.insert(key.vni);
        });
    whole &= read_map<decap_prefix, std::uint32_t>(
        directory + "balancers",
        [&](const decap_prefix& key, std::uint32_t) { program.balancers.insert(unmapped(key)); });
    whole &= read_map<decap_prefix, std::uint32_t>(
        directory + "vips", [&](const decap_prefix& key, std::uint32_t) { program.vips.insert(unmapped(key)); });
    whole &= read_map<decap_address, std::uint32_t>(
        directory + "own", [&](const decap_address& key, std::uint32_t) { program.own.insert(unmapped(key)); });
    return whole && known ? program : DecapProgram{};
}

Pinned open_received(const std::string& directory) {
    return open_map(directory + "received", sizeof(std::uint32_t), sizeof(decap_counters));
}

Pinned open_reasons(const std::string& directory) {
    return open_map(directory + "reasons", sizeof(std::uint32_t), sizeof(std::uint64_t));
}

Pinned open_let_pass(const std::string& directory) {
    return open_map(directory + "let_pass", sizeof(std::uint32_t), sizeof(std::uint64_t));
}

Result<> copy_counters(int from, int to, std::uint32_t count, std::size_t size) {
    std::vector<std::uint8_t> values((size + 7) / 8 * 8 * static_cast<std::size_t>(::libbpf_num_possible_cpus()));
    for (std::uint32_t key = 0; key < count; ++key)
        if (::bpf_map_lookup_elem(from, &key, values.data()) < 0 ||
            ::bpf_map_update_elem(to, &key, values.data(), BPF_ANY) < 0)
            return failure("copy", "counters of the XDP program", errno);
    return {};
}

Result<DecapCounters> read_counters(const std::string& directory) {
    static constexpr std::array reason_names{
#define DECAP_REASON(identifier, name, text) name,
        DECAP_REASONS(DECAP_REASON)
#undef DECAP_REASON
    };
    const Pinned received = open_received(directory);
    const Pinned reasons = open_reasons(directory);
    const Pinned let_pass = open_let_pass(directory);
    if (!received.fd.is_open() || !reasons.fd.is_open() || !let_pass.fd.is_open())
        return failure("read", directory, ENOENT);
    DecapCounters result;
    for (std::uint32_t kind = 0; kind < kind_names.size(); ++kind) {
        auto& counter = result.received.emplace_back(DecapCounters::Kind{.name = std::string(kind_names.at(kind))});
        CHECK_OK(sum<decap_counters>(received, kind, [&](const decap_counters& value) {
            counter.packets += value.packets;
            counter.bytes += value.bytes;
        }));
    }
    for (const auto& [map, counters] : {std::pair{&reasons, &result.dropped}, std::pair{&let_pass, &result.let_pass}})
        for (std::uint32_t reason = 0; reason < reason_names.size(); ++reason) {
            auto& counter = counters->emplace_back(DecapCounters::Reason{.name = reason_names.at(reason)});
            CHECK_OK(sum<std::uint64_t>(*map, reason, [&](std::uint64_t value) { counter.packets += value; }));
        }
    return result;
}

}  // namespace culvert::realserver
