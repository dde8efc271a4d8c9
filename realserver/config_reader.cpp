// SPDX-License-Identifier: Apache-2.0
#include "realserver/config_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "common/scalars.hpp"

namespace culvert::realserver {

namespace {

namespace yaml = common::yaml;
using common::EncapKind;
using netlink::FouType;
using yaml::MapReader;
using yaml::Value;

std::string_view called(Family family) { return family == Family::ipv4 ? "IPv4" : "IPv6"; }

std::optional<Family> family(const Value& value) {
    return yaml::one_of<Family>("an address family", {{"ipv4", Family::ipv4}, {"ipv6", Family::ipv6}})(value);
}

std::optional<Inner> inner(const Value& value) {
    return yaml::one_of<Inner>("an inner protocol",
                               {{"ipv4", Inner::ipv4}, {"ipv6", Inner::ipv6}, {"gre", Inner::gre}})(value);
}

std::optional<Policy> policy(const Value& value) {
    return yaml::one_of<Policy>("a policy", {{"managed", Policy::managed}, {"leave", Policy::leave}})(value);
}

Inner inner_of(Family family) { return family == Family::ipv4 ? Inner::ipv4 : Inner::ipv6; }

/// Why nobody can have this address to himself, or nothing.
std::string_view misuse(const IpAddress& address) {
    if (address.is_any()) return "the unspecified address";
    if (address.is_loopback()) return "a loopback address";
    if (address.is_multicast()) return "a multicast address";
    if (address.is_link_local()) return "a link-local address";
    return {};
}

/// Networks that are all different, each of which `check` has seen.
template <typename Check>
std::optional<std::vector<Prefix>> prefixes(const Value& value, const yaml::Wanted& wanted, Check check) {
    const auto elements = value.list(wanted);
    if (!elements) return std::nullopt;
    std::vector<Prefix> result;
    for (const Value& element : *elements) {
        const auto prefix = yaml::prefix(element);
        if (!prefix) continue;
        if (std::ranges::count(result, *prefix) > 0)
            element.fail(fmt::format("{} is listed twice: remove one", element.node().text));
        check(element, *prefix);
        result.push_back(*prefix);
    }
    return result;
}

std::optional<std::vector<Prefix>> balancers(const Value& value) {
    return prefixes(value, {"a list of balancers", "their addresses or networks, such as [10.0.0.1, 10.0.0.2]"},
                    [](const Value&, const Prefix&) {});
}

/// A prefix becomes this host's own as a whole, so a slip of the pen must not claim half of the world.
constexpr std::uint8_t shortest_vip_ipv4 = 8;
constexpr std::uint8_t shortest_vip_ipv6 = 32;

void check_vip(const Value& value, const Prefix& vip) {
    const std::uint8_t shortest = vip.address.is_v4() ? shortest_vip_ipv4 : shortest_vip_ipv6;
    if (vip.length < shortest)
        value.fail(fmt::format("{} is too wide for VIPs: write /{} or longer", vip.to_string(), shortest));
    else if (const auto what = misuse(vip.address); !what.empty())
        value.fail(fmt::format("{} cannot be a VIP: it is {}", vip.address.to_string(), what));
}

std::optional<std::vector<Prefix>> vips(const Value& value) {
    auto result =
        prefixes(value, {"a list of VIPs", "addresses or networks, such as [192.0.2.1, \"2001:db8::/64\"]"}, check_vip);
    if (result && result->empty() && value.node().items.empty())
        return value.fail("there is no VIP: write at least one, such as [192.0.2.1]");
    return result;
}

/// Reads the ways to receive, with what the rest of the configuration says about families.
class Receiving {
  public:
    explicit Receiving(const Config& config) : vips_(&config.vips) {
        for (const Prefix& balancer : config.balancers) balancers_.insert(balancer.address.family());
        for (const Prefix& vip : config.vips) vip_families_.insert(vip.address.family());
    }

    std::optional<std::vector<Receive>> operator()(const Value& value) {
        const auto elements = value.list({"a list of encapsulations", "for example [{encap: ipip}]"});
        if (!elements) return std::nullopt;
        if (elements->empty()) return value.fail("there is nothing to receive: write for example [{encap: ipip}]");
        std::vector<Receive> result;
        for (const Value& element : *elements) {
            auto receive = one(element);
            if (!receive) continue;
            if (const auto same = std::ranges::find(result, *receive); same != result.end())
                element.fail("this was said before: remove it");
            result.push_back(*std::move(receive));
        }
        return result;
    }

  private:
    std::optional<Receive> one(const Value& value) {
        MapReader map(value, "an element of receive");
        EncapKind encap{};
        if (!map.required("encap", yaml::encap_kind, encap, "ipip")) return std::nullopt;
        switch (encap) {
            case EncapKind::ipip:
            case EncapKind::gre:
                return ip_tunnel(value, encap);
            case EncapKind::fou:
                return udp_tunnel(value, FouType::fou);
            case EncapKind::gue:
                return udp_tunnel(value, FouType::gue);
            case EncapKind::l3dsr:
                return l3dsr(value);
            case EncapKind::l2:
                finish(keys_of(value, encap));
                return L2{};
            case EncapKind::geneve:
                return map.find("encap")->fail("geneve is not supported by this version: remove it");
        }
        return std::nullopt;
    }

    static MapReader keys_of(const Value& value, EncapKind encap) {
        MapReader map(value, common::name(encap));
        std::ignore = map.find("encap");
        return map;
    }

    static void finish(MapReader map) {
        map.unsupported({"via"});
        map.finish();
    }

    std::optional<Receive> ip_tunnel(const Value& value, EncapKind encap) {
        MapReader map = keys_of(value, encap);
        IpTunnel tunnel{.encap = encap, .outer = outer(value, map, std::nullopt), .inner = vip_families_};
        if (Family only{}; map.optional("inner", family, only)) {
            tunnel.inner = {only};
            demand_vip(*map.find("inner"), only);
        }
        finish(map);
        return tunnel;
    }

    std::optional<Receive> udp_tunnel(const Value& value, FouType type) {
        MapReader map = keys_of(value, type == FouType::fou ? EncapKind::fou : EncapKind::gue);
        UdpTunnel tunnel{.type = type};
        map.required("port", yaml::port, tunnel.port, type == FouType::fou ? "5004" : "5080");
        tunnel.inner = carried(value, map, type);
        map.optional("local", yaml::address, tunnel.local);
        map.optional("peer", yaml::address, tunnel.peer);
        map.optional("peer_port", yaml::port, tunnel.peer_port);
        map.optional("dev", yaml::interface_name, tunnel.device);
        if (const auto peer = map.find("peer"); peer && !map.find("peer_port"))
            peer->fail(
                "\"peer\" needs \"peer_port\": the kernel matches both or none; whom to let in is said by "
                "\"balancers\"");
        if (const auto port = map.find("peer_port"); port && !map.find("peer"))
            port->fail("\"peer_port\" needs \"peer\": write the address that it belongs to");
        if (tunnel.local && tunnel.peer && tunnel.local->family() != tunnel.peer->family())
            map.find("peer")->fail(
                fmt::format("\"local\" is an {} address and \"peer\" is not: write two of one family",
                            called(tunnel.local->family())));
        std::optional<Family> bound;
        if (tunnel.peer) bound = tunnel.peer->family();
        if (tunnel.local) bound = tunnel.local->family();
        tunnel.outer = outer(value, map, bound);
        if (const auto port = map.find("port")) claim(*port, tunnel);
        finish(map);
        return tunnel;
    }

    std::optional<Receive> l3dsr(const Value& value) {
        MapReader map = keys_of(value, EncapKind::l3dsr);
        L3dsr mark;
        const bool has_dscp = map.required("dscp", yaml::dscp, mark.dscp, "2");
        const bool has_vip = map.required("vip", yaml::address, mark.vip, "192.0.2.1");
        finish(map);
        if (!has_dscp || !has_vip) return std::nullopt;
        const Value vip = *map.find("vip");
        if (std::ranges::none_of(*vips_, [&](const Prefix& known) { return known.contains(mark.vip); }))
            vip.fail(fmt::format("{} is not among the VIPs: add it to \"vips\"", mark.vip.to_string()));
        const auto [first, is_new] =
            marks_.try_emplace({mark.dscp, mark.vip.family()}, value.position().line, mark.vip);
        if (!is_new && first->second.second != mark.vip)
            value.fail(fmt::format("dscp {} stands for {} already (line {}): a DSCP names one VIP of a family",
                                   mark.dscp, first->second.second.to_string(), first->second.first));
        return mark;
    }

    /// The outer families: as said, or the balancers'.
    std::set<Family> outer(const Value& value, MapReader& map, std::optional<Family> bound) const {
        Family said{};
        if (map.optional("family", family, said)) {
            const Value key = *map.find("family");
            if (bound && *bound != said)
                key.fail(fmt::format("family {} contradicts the {} address that the port is bound to: remove one",
                                     netlink::name(said), called(*bound)));
            else if (!balancers_.empty() && !balancers_.contains(said))
                key.fail(fmt::format("no balancer has an {0} address: add one to \"balancers\", or remove family: {1}",
                                     called(said), netlink::name(said)));
            return {said};
        }
        if (bound) return {*bound};
        if (balancers_.empty() && !map.find("family"))
            value.fail("the outer family is not known: write \"balancers\", or family: ipv4 or ipv6 here");
        return balancers_;
    }

    /// What a FOU or GUE port carries: as said, or the families of the VIPs.
    std::set<Inner> carried(const Value& value, MapReader& map, FouType type) const {
        if (Inner said{}; map.optional("inner", inner, said)) {
            const Value key = *map.find("inner");
            if (said == Inner::ipv4) demand_vip(key, Family::ipv4);
            if (said == Inner::ipv6) demand_vip(key, Family::ipv6);
            return {said};
        }
        std::set<Inner> result;
        for (const Family vip : vip_families_) result.insert(inner_of(vip));
        if (type == FouType::fou && result.size() > 1 && !map.find("inner"))
            value.fail(
                "\"inner\" is missing: a FOU port carries one protocol, and there are IPv4 and IPv6 VIPs: write inner: "
                "ipv4, ipv6 or gre");
        return result;
    }

    void demand_vip(const Value& value, Family family) const {
        if (!vip_families_.empty() && !vip_families_.contains(family))
            value.fail(fmt::format("no VIP is an {0} address: add one to \"vips\", or remove inner: {1}",
                                   called(family), netlink::name(family)));
    }

    /// Of one family, the kernel has each port once, whatever it is bound to (net/ipv4/fou_core.c,
    /// fou_add_to_port_list).
    void claim(const Value& port, const UdpTunnel& tunnel) {
        for (const Family outer : tunnel.outer) {
            UdpTunnel one_family = tunnel;
            one_family.outer = {outer};
            if (tunnel.type == FouType::gue) one_family.inner.clear();  // its header says it
            const auto [first, is_new] = ports_.try_emplace({tunnel.port, outer}, port.position().line, one_family);
            if (is_new || first->second.second == one_family) continue;
            port.fail(fmt::format("port {} over {} is taken by line {}, which unwraps something else: choose another",
                                  tunnel.port, netlink::name(outer), first->second.first));
            return;
        }
    }

    const std::vector<Prefix>* vips_;
    std::set<Family> balancers_;
    std::set<Family> vip_families_;
    std::map<std::pair<std::uint16_t, Family>, std::pair<std::size_t, UdpTunnel>> ports_;
    std::map<std::pair<std::uint8_t, Family>, std::pair<std::size_t, IpAddress>> marks_;
};

/// The balancers are reached by routing: none may become an address of this host.
void keep_apart(const Config& config, const Value& vips) {
    for (const Prefix& vip : config.vips)
        for (const Prefix& balancer : config.balancers)
            if (balancer.is_host() && vip.contains(balancer.address))
                vips.fail(fmt::format("{} would take in the balancer {}: a VIP is no balancer's own address",
                                      vip.to_string(), balancer.address.to_string()));
}

void read_sysctl(const Value& value, Config& config) {
    MapReader map(value, "sysctl");
    map.optional("rp_filter", policy, config.rp_filter);
    map.optional("arp", policy, config.arp);
    map.finish();
}

}  // namespace

std::optional<Config> read_config(const Value& file) {
    Config config;
    MapReader map(file, "this file");
    map.optional("balancers", balancers, config.balancers);
    map.required("vips", vips, config.vips, "[192.0.2.1]");
    if (const auto value = map.find("vips")) keep_apart(config, *value);
    map.required("receive", Receiving(config), config.receive, "[{encap: ipip}]");
    if (const auto value = map.find("sysctl")) read_sysctl(*value, config);
    map.unsupported({"tunnels", "guard", "mss"});
    map.finish();
    return config;
}

}  // namespace culvert::realserver
