// SPDX-License-Identifier: Apache-2.0
#include "realserver/config/tunnels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>

#include "common/scalars.hpp"
#include "realserver/receive/encapsulation.hpp"
#include "realserver/receive/fallback.hpp"
#include "realserver/receive/receivers.hpp"

namespace culvert::realserver {

namespace {

namespace yaml = common::yaml;
using netlink::EncapType;
using netlink::Tunnel;
using netlink::TunnelInner;
using netlink::TunnelKind;
using yaml::MapReader;
using yaml::Value;

/// Whether the kernel or realserver gives this name to a device.
bool is_reserved(std::string_view name) {
    const auto brings = [&](const FallbackDevice& device) {
        return std::ranges::count(devices_of_module(device.module), name) > 0;
    };
    return name == "lo" || is_own_device(name) || std::ranges::any_of(fallback_devices, brings);
}

std::optional<std::string> read_name(const Value& value) {
    auto name = yaml::interface_name(value);
    if (name && is_reserved(*name))
        return value.fail(fmt::format(
            "{} is reserved: the kernel or realserver gives this name to another device; choose another", *name));
    return name;
}

std::optional<TunnelKind> read_type(const Value& value) {
    for (const std::string_view mode : {"ipip6", "ip4ip6", "ip6ip6", "any"})
        if (value.node().text == mode)
            return value.fail(fmt::format("{} is a mode, not a kind of tunnel: write ip6tnl", yaml::in_quotes(mode)));
    std::vector<std::pair<std::string_view, TunnelKind>> kinds;
    for (const TunnelKind kind : {TunnelKind::ipip, TunnelKind::sit, TunnelKind::ip6tnl, TunnelKind::gre,
                                  TunnelKind::gretap, TunnelKind::ip6gre, TunnelKind::ip6gretap})
        kinds.emplace_back(netlink::name(kind), kind);
    return yaml::one_of<TunnelKind>("a kind of tunnel", kinds)(value);
}

constexpr auto tunnel_foreign_keys = std::to_array<yaml::ForeignKey>({
    {"mode", "type"},
    {"kind", "type"},
    {"remotes", "remote"},
    {"peer", "remote"},
    {"keys", "key"},
    {"hoplimit", "ttl"},
    {"addresses", "",
     "\"vips\" lists the VIPs; add other addresses of a tunnel by \"ip address add\": realserver keeps them"},
    {"routes", "", "add routes through a tunnel by \"ip route add\": realserver keeps them"},
    {"mtu", "", "the MTU of the paths from the balancers is a key of the whole file"},
    {"port", "", "write ports in its \"encap\", such as {type: fou, dport: 5555}"},
    {"sport", "", "write ports in its \"encap\", such as {type: fou, sport: 5555, dport: 5555}"},
    {"dport", "", "write ports in its \"encap\", such as {type: fou, dport: 5555}"},
});

constexpr auto foreign_encap_keys = std::to_array<yaml::ForeignKey>({
    {"mode", "type"},
    {"kind", "type"},
    {"encap", "type"},
    {"port", "dport"},
});

std::optional<std::uint16_t> source_port(const Value& value) {
    if (value.node().text == "auto") return 0;
    const auto number = yaml::decimal(value.node().text);
    if (number && *number >= 1 && *number <= UINT16_MAX) return static_cast<std::uint16_t>(*number);
    return value.mismatch({"a source port", "auto, or a number from 1 to 65535"});
}

/// The same kind of tunnel over the other family.
TunnelKind counterpart(TunnelKind kind) {
    switch (kind) {
        case TunnelKind::gre:
            return TunnelKind::ip6gre;
        case TunnelKind::gretap:
            return TunnelKind::ip6gretap;
        case TunnelKind::ip6gre:
            return TunnelKind::gre;
        case TunnelKind::ip6gretap:
            return TunnelKind::gretap;
        case TunnelKind::ip6tnl:
            return TunnelKind::ipip;
        default:
            return TunnelKind::ip6tnl;
    }
}

TunnelInner usual_inner(TunnelKind kind) {
    return kind == TunnelKind::ipip  ? TunnelInner::ipv4
           : kind == TunnelKind::sit ? TunnelInner::ipv6
                                     : TunnelInner::any;
}

}  // namespace

std::optional<std::vector<PointToPoint>> TunnelsReader::operator()(const Value& value) {
    const auto elements =
        value.list({"a list of tunnels", "one such as [{name: lb1, type: gre, local: 10.0.0.2, remote: 10.0.0.1}]"});
    if (!elements) return std::nullopt;
    if (elements->empty()) return value.fail("no tunnels: write at least one, or remove the key");
    for (const Value& element : *elements) {
        auto tunnel = read(element);
        if (!tunnel) continue;
        compare(element, *tunnel);
        tunnels_.push_back(*std::move(tunnel));
        lines_.push_back(element.position().line);
    }
    return tunnels_;
}

std::optional<PointToPoint> TunnelsReader::read(const Value& value) {
    PointToPoint result;
    Tunnel& tunnel = result.parameters;
    MapReader map(value, "a tunnel", "a map such as {name: lb1, type: gre, local: 10.0.0.2, remote: 10.0.0.1}",
                  tunnel_foreign_keys);
    const bool has_name = map.required("name", read_name, result.name, "lb1");
    std::optional<TunnelKind> kind;
    map.required("type", read_type, kind, "gre");
    tunnel.kind = kind.value_or(tunnel.kind);
    tunnel.inner = usual_inner(tunnel.kind);
    endpoint(map, "local", kind, tunnel.local);
    endpoint(map, "remote", kind, tunnel.remote);
    map.optional("ttl", yaml::number<std::uint8_t>("a TTL", 1), tunnel.ttl);
    if (kind)
        key(map, tunnel);
    else
        std::ignore = map.find("key");
    if (const auto udp = map.find("encap"); udp && kind) encap(*udp, result);
    map.finish();
    if (!has_name || !kind || !tunnel.local || !tunnel.remote) return std::nullopt;
    return result;
}

void TunnelsReader::endpoint(MapReader& map, const char* key, std::optional<TunnelKind> kind,
                             std::optional<IpAddress>& target) const {
    const bool over_ipv6 = kind && netlink::outer_family(*kind) == Family::ipv6;
    IpAddress address;
    if (!map.required(key, yaml::address, address, over_ipv6 ? "\"fd00::1\"" : "10.0.0.1")) return;
    const Value value = *map.find(key);
    const auto holds = [&](const Prefix& vip) { return vip.contains(address); };
    if (kind && address.family() != netlink::outer_family(*kind))
        value.fail(fmt::format("{} runs over {}: write such an address, or type: {}", netlink::name(*kind),
                               over_ipv6 ? "IPv6" : "IPv4", netlink::name(counterpart(*kind))));
    else if (address.is_any() || address.is_multicast())
        value.fail(fmt::format("{} cannot be an end of a tunnel: write the address of one host", address.to_string()));
    else if (vips_ && std::ranges::any_of(*vips_, holds))
        value.fail(fmt::format("{} is a VIP: packets to it do not leave this host", address.to_string()));
    else
        target = address;
}

void TunnelsReader::key(MapReader& map, Tunnel& tunnel) const {
    std::uint32_t key = 0;
    if (!map.optional("key", yaml::number<std::uint32_t>("a key"), key)) return;
    if (!netlink::is_gre(tunnel.kind))
        map.find("key")->fail(
            fmt::format("{} carries no key: remove it, or use a GRE type", netlink::name(tunnel.kind)));
    tunnel.input_key = tunnel.output_key = key;
}

void TunnelsReader::encap(const Value& value, PointToPoint& tunnel) {
    netlink::Encap& encap = tunnel.parameters.encap;
    const bool over_ipv6 = netlink::outer_family(tunnel.parameters.kind) == Family::ipv6;
    MapReader map(value, "an encapsulation", "a map such as {type: fou, dport: 5555}", foreign_encap_keys);
    const bool has_type = map.required(
        "type", yaml::one_of<EncapType>("an encapsulation in UDP", {{"fou", EncapType::fou}, {"gue", EncapType::gue}}),
        encap.type, "fou");
    map.required("dport", yaml::port, encap.destination_port, "5555");
    map.optional("sport", source_port, encap.source_port);
    // Over IPv6 a checksum of 0 is an exception (RFC 6935, 6936), and some network cards drop it.
    bool& checksum = over_ipv6 ? encap.checksum6 : encap.checksum;
    checksum = over_ipv6;
    map.optional("csum", yaml::boolean, checksum);
    map.finish();
    if (!has_type) return;
    choose_inner(value, tunnel.parameters);
    if (const auto port = receive_port(tunnel)) ports_.claim(map.find("sport").value_or(value), *port);
}

/// In FOU only the port tells the inner protocol.
void TunnelsReader::choose_inner(const Value& value, Tunnel& tunnel) const {
    if (tunnel.encap.type != EncapType::fou || tunnel.kind != TunnelKind::ip6tnl || !vips_) return;
    const std::set<Family> carried = families(*vips_);
    if (carried.size() > 1)
        value.fail("a FOU port carries one protocol, and there are IPv4 and IPv6 VIPs: write type: gue here");
    else if (!carried.empty())
        tunnel.inner = carried.contains(Family::ipv4) ? TunnelInner::ipv4 : TunnelInner::ipv6;
}

void TunnelsReader::compare(const Value& value, const PointToPoint& tunnel) const {
    const Tunnel& mine = tunnel.parameters;
    if (mine.local == mine.remote) value.fail("\"local\" and \"remote\" are the same: write the other host's address");
    for (std::size_t i = 0; i < tunnels_.size(); ++i) {
        const Tunnel& other = tunnels_[i].parameters;
        if (tunnels_[i].name == tunnel.name) {
            value.fail(fmt::format("line {} has a tunnel {} already: choose another name", lines_[i], tunnel.name));
        } else if (other.kind == mine.kind && other.local == mine.local && other.remote == mine.remote &&
                   other.input_key == mine.input_key) {
            value.fail(fmt::format("line {} has a tunnel of the same type, ends and key: remove one", lines_[i]));
        }
    }
}

}  // namespace culvert::realserver
