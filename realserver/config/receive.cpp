// SPDX-License-Identifier: Apache-2.0
#include "realserver/config/receive.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>

#include "common/scalars.hpp"

namespace culvert::realserver {

namespace {

namespace yaml = common::yaml;
using common::EncapKind;
using yaml::MapReader;
using yaml::Value;

std::string_view called(Family family) { return family == Family::ipv4 ? "IPv4" : "IPv6"; }

std::optional<Family> read_family(const Value& value) {
    return yaml::one_of<Family>("an address family", {{"ipv4", Family::ipv4}, {"ipv6", Family::ipv6}})(value);
}

std::optional<Via> read_via(const Value& value) {
    return yaml::one_of<Via>("a way to decapsulate",
                             {{"auto", Via::automatic}, {"kernel", Via::kernel}, {"xdp", Via::xdp}})(value);
}

std::optional<Inner> read_inner(const Value& value) {
    return yaml::one_of<Inner>("an inner protocol",
                               {{"ipv4", Inner::ipv4}, {"ipv6", Inner::ipv6}, {"gre", Inner::gre}})(value);
}

constexpr std::string_view any_balancer = "\"balancers\" lists the senders, for all of \"receive\"";
constexpr std::string_view no_key = "GRE with a key needs a device: write tunnels: [{type: gre, key: …}]";

constexpr auto receiver_foreign_keys = std::to_array<yaml::ForeignKey>({
    {"mode", "encap"},
    {"type", "encap"},
    {"kind", "encap"},
    {"id", "vni"},
    {"link", "dev"},
    {"interface", "dev"},
    {"sport", "peer_port"},
    {"dport", "port"},
    {"remote", "peer"},
    {"remote", "", any_balancer},
    {"remotes", "", any_balancer},
    {"balancers", "", any_balancer},
    {"addresses", "", "\"vips\" lists the VIPs, for all of \"receive\""},
    {"vips", "", "\"vips\" lists the VIPs, for all of \"receive\""},
    {"local", "", "packets to any address of this host are received"},
    {"ttl", "", "the balancers set it"},
    {"key", "", no_key},
    {"keys", "", no_key},
    {"mtu", "", "the MTU of the paths from the balancers is a key of the whole file"},
});

}  // namespace

ReceiveReader::ReceiveReader(const std::optional<std::vector<Prefix>>& balancers,
                             const std::optional<std::vector<Prefix>>& vips, PortClaims& ports)
    : balancers_(balancers),
      vips_(vips),
      balancer_families_(families(balancers.value_or(std::vector<Prefix>{}))),
      vip_families_(families(vips.value_or(std::vector<Prefix>{}))),
      ports_(ports) {}

std::optional<std::vector<Receive>> ReceiveReader::operator()(const Value& value) {
    const auto elements = value.list({"a list of encapsulations", "one such as [{encap: ipip}]"});
    if (!elements) return std::nullopt;
    if (elements->empty()) return value.fail("no encapsulations: write at least one, such as [{encap: ipip}]");
    std::vector<Receive> result;
    std::vector<std::size_t> lines;
    for (const Value& element : *elements) {
        auto receive = read(element);
        if (!receive) continue;
        const auto same = std::ranges::find(result, *receive) - result.begin();
        if (same < std::ssize(result))
            element.fail(fmt::format("line {} says the same: remove one", lines[static_cast<std::size_t>(same)]));
        result.push_back(*std::move(receive));
        lines.push_back(element.position().line);
    }
    return result;
}

std::optional<Receive> ReceiveReader::read(const Value& value) {
    EncapKind encap{};
    MapReader any(value, "an element of receive", "a map such as {encap: ipip}", receiver_foreign_keys);
    if (!any.required("encap", yaml::encap_kind, encap, "ipip")) return std::nullopt;
    MapReader map(value, name(encap), "a map such as {encap: ipip}", receiver_foreign_keys);
    map.optional("encap", yaml::encap_kind, encap);
    if (const Encapsulation* row = find_encapsulation(encap)) return tunnel_end(value, map, *row);
    if (encap == EncapKind::l3dsr) return l3dsr(value, map);
    map.finish();
    return L2{};
}

std::optional<Receive> ReceiveReader::tunnel_end(const Value& value, MapReader& map, const Encapsulation& row) {
    TunnelEnd end{.encap = row.kind, .port = row.default_port};
    if (row.has_vni) map.required("vni", yaml::number<std::uint32_t>("a VNI", 0, common::most_vni), end.vni, "666");
    if (!row.example_port.empty())
        map.required("port", yaml::port, end.port, row.example_port);
    else if (row.port != PortUse::none)
        map.optional("port", yaml::port, end.port);
    end.outer = outer(value, map, row.has_binding ? binding(map, end) : std::nullopt);
    end.inner = inner(value, map, row);
    end.via = via(map);
    if (end.port != 0) ports_.claim(map.find("port").value_or(value), end);
    map.finish();
    return end;
}

std::optional<Family> ReceiveReader::binding(MapReader& map, TunnelEnd& end) const {
    map.optional("local", yaml::address, end.local);
    map.optional("peer", yaml::address, end.peer);
    map.optional("peer_port", yaml::port, end.peer_port);
    if (map.optional("dev", yaml::interface_name, end.device) && !map.find("local"))
        map.find("dev")->fail("\"dev\" needs \"local\": the kernel binds a port to a device only with an address");
    const auto peer = map.find("peer");
    const auto peer_port = map.find("peer_port");
    if (peer && !peer_port)
        peer->fail("\"peer\" needs \"peer_port\": the kernel matches both or none (\"balancers\" lists the senders)");
    if (peer_port && !peer) peer_port->fail("\"peer_port\" needs \"peer\": write the address that it belongs to");
    if (end.local && end.peer && end.local->family() != end.peer->family())
        peer->fail(fmt::format("\"local\" is an {} address and \"peer\" is not: write two of one family",
                               called(end.local->family())));
    const auto is_peer = [&](const Prefix& balancer) { return balancer.contains(*end.peer); };
    if (end.peer && balancers_ && !balancers_->empty() && std::ranges::none_of(*balancers_, is_peer))
        peer->fail(fmt::format("{} is not among the balancers: add it to \"balancers\"", end.peer->to_string()));
    if (end.local) return end.local->family();
    return end.peer ? std::optional(end.peer->family()) : std::nullopt;
}

std::optional<Receive> ReceiveReader::l3dsr(const Value& value, MapReader& map) {
    L3dsr mark;
    const bool has_dscp = map.required("dscp", yaml::dscp, mark.dscp, "2");
    const bool has_vip = map.required("vip", yaml::single_address, mark.vip, "192.0.2.1");
    map.finish();
    if (!has_dscp || !has_vip) return std::nullopt;
    const auto holds = [&](const Prefix& vip) { return vip.contains(mark.vip); };
    if (vips_ && std::ranges::none_of(*vips_, holds))
        map.find("vip")->fail(fmt::format("{} is not among the VIPs: add it to \"vips\"", mark.vip.to_string()));
    const auto [first, is_new] = marks_.try_emplace({mark.dscp, mark.vip.family()}, value.position().line, mark.vip);
    const auto& [line, vip] = first->second;
    if (!is_new && vip != mark.vip)
        value.fail(fmt::format("dscp {} stands for {} in line {}: use one DSCP for each VIP of a family", mark.dscp,
                               vip.to_string(), line));
    return mark;
}

/// The outer families: as configured, or those of the balancers.
std::set<Family> ReceiveReader::outer(const Value& value, MapReader& map, std::optional<Family> bound) const {
    Family said{};
    const auto key = map.find("family");
    if (map.optional("family", read_family, said)) {
        if (bound && *bound != said)
            key->fail(fmt::format("family {} contradicts the {} address that the port is bound to: remove one",
                                  netlink::name(said), called(*bound)));
        else if (!balancer_families_.empty() && !balancer_families_.contains(said))
            key->fail(fmt::format("no balancer has an {} address: add one to \"balancers\", or remove family: {}",
                                  called(said), netlink::name(said)));
        return {said};
    }
    if (bound) return {*bound};
    if (!key && balancers_ && balancers_->empty())
        value.fail("the outer family is unknown: write \"balancers\", or family: ipv4 or ipv6 here");
    return balancer_families_;
}

Via ReceiveReader::via(MapReader& map) const {
    Via said = Via::automatic;
    if (map.optional("via", read_via, said) && said == Via::xdp && balancers_ && balancers_->empty())
        map.find("via")->fail("\"xdp\" needs \"balancers\": XDP only decapsulates their packets");
    return said;
}

/// The inner protocols: as configured, or the families of the VIPs.
std::set<Inner> ReceiveReader::inner(const Value& value, MapReader& map, const Encapsulation& row) const {
    std::optional<Inner> said;
    const auto key = map.find("inner");
    if (row.may_hold_gre) {
        map.optional("inner", read_inner, said);
    } else if (Family only{}; map.optional("inner", read_family, only)) {
        said = inner_of(only);
    }
    if (said) {
        if (said == Inner::ipv4) demand_vip(*key, Family::ipv4);
        if (said == Inner::ipv6) demand_vip(*key, Family::ipv6);
        return {*said};
    }
    std::set<Inner> result;
    for (const Family vip : vip_families_) result.insert(inner_of(vip));
    if (row.port == PortUse::one_protocol && result.size() > 1 && !key)
        value.fail(
            "\"inner\" is missing: a FOU port carries one protocol, and there are IPv4 and IPv6 VIPs: write inner: "
            "ipv4, ipv6 or gre");
    return result;
}

void ReceiveReader::demand_vip(const Value& value, Family family) const {
    if (vips_ && !vip_families_.contains(family))
        value.fail(fmt::format("no VIP is an {} address: add one to \"vips\", or remove inner: {}", called(family),
                               netlink::name(family)));
}

}  // namespace culvert::realserver
