// SPDX-License-Identifier: Apache-2.0
#include "realserver/config_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "common/scalars.hpp"
#include "realserver/config_receive.hpp"
#include "realserver/config_tunnels.hpp"

namespace culvert::realserver {

namespace {

namespace yaml = common::yaml;
using yaml::MapReader;
using yaml::Value;

using Prefixes = std::vector<Prefix>;

/// Networks that are all different, each of which `check` has seen; none if one of them is bad.
template <typename Check>
std::optional<Prefixes> prefixes(const Value& value, const yaml::Wanted& wanted, Check check) {
    const auto elements = value.list(wanted);
    if (!elements) return std::nullopt;
    bool good = true;
    Prefixes result;
    for (const Value& element : *elements) {
        const auto prefix = yaml::prefix(element);
        good = prefix && check(element, *prefix) && good;
        if (!prefix) continue;
        if (std::ranges::count(result, *prefix) > 0)
            element.fail(fmt::format("{} is listed twice: remove one", element.node().text));
        result.push_back(*prefix);
    }
    return good ? std::optional(result) : std::nullopt;
}

bool check_balancer(const Value& value, const Prefix& balancer) {
    if (!balancer.address.is_multicast() && !balancer.address.is_loopback()) return true;
    value.fail(
        fmt::format("{} is the address of no balancer: packets have no such source", balancer.address.to_string()));
    return false;
}

std::optional<Prefixes> balancers(const Value& value) {
    return prefixes(value, {"a list of balancers", "their addresses or networks, such as [10.0.0.1, 10.0.0.2]"},
                    check_balancer);
}

/// Why nobody can have this address to himself, or nothing.
std::string_view misuse(const IpAddress& address) {
    static const Prefix mapped = *Prefix::parse("::ffff:0:0/96");
    static const Prefix reserved = *Prefix::parse("240.0.0.0/4");
    if (address.is_any()) return "the unspecified address";
    if (address.is_loopback()) return "a loopback address";
    if (address.is_multicast()) return "a multicast address";
    if (address.is_link_local()) return "a link-local address";
    if (reserved.contains(address)) return "a reserved address";
    if (mapped.contains(address)) return "an IPv4 address written as IPv6";
    return {};
}

/// A prefix becomes this host's own as a whole, so a slip of the pen must not claim half of the world.
constexpr std::uint8_t shortest_vip_ipv4 = 8;
constexpr std::uint8_t shortest_vip_ipv6 = 32;

bool check_vip(const Value& value, const Prefix& vip) {
    const std::uint8_t shortest = vip.address.is_v4() ? shortest_vip_ipv4 : shortest_vip_ipv6;
    const std::string_view misused = misuse(vip.address);
    if (vip.length < shortest)
        value.fail(fmt::format("{} is too wide for VIPs: write /{} or longer", vip.to_string(), shortest));
    else if (!misused.empty())
        value.fail(fmt::format("{} cannot be a VIP: it is {}", vip.address.to_string(), misused));
    return vip.length >= shortest && misused.empty();
}

std::optional<Prefixes> vips(const Value& value) {
    const auto result =
        prefixes(value, {"a list of VIPs", "addresses or networks, such as [192.0.2.1, \"2001:db8::/64\"]"}, check_vip);
    if (result && result->empty()) return value.fail("no VIPs: write at least one, such as [192.0.2.1]");
    return result;
}

/// The balancers are reached by routing: none may become an address of this host.
void keep_apart(const Prefixes& balancers, const Prefixes& vips, const Value& value) {
    for (const Prefix& vip : vips)
        for (const Prefix& balancer : balancers)
            if (balancer.is_host() && vip.contains(balancer.address))
                value.fail(fmt::format("{} takes in the balancer {}: a balancer's own address is no VIP",
                                       vip.to_string(), balancer.address.to_string()));
}

std::optional<Policy> policy(const Value& value) {
    return yaml::one_of<Policy>("a policy", {{"managed", Policy::managed}, {"leave", Policy::leave}})(value);
}

void read_sysctl(const Value& value, Config& config) {
    MapReader map(value, "sysctl", "a map such as {rp_filter: leave}");
    map.optional("rp_filter", policy, config.rp_filter);
    map.optional("arp", policy, config.arp);
    map.finish();
}

}  // namespace

std::optional<Config> read_config(const Value& file) {
    Config config;
    MapReader map(file, "the configuration", "a map of vips, receive and so on");
    std::optional<Prefixes> known_balancers;
    std::optional<Prefixes> known_vips;
    if (!map.find("balancers") || map.optional("balancers", balancers, config.balancers))
        known_balancers = config.balancers;
    if (map.required("vips", vips, config.vips, "[192.0.2.1]")) known_vips = config.vips;
    if (known_balancers && known_vips) keep_apart(*known_balancers, *known_vips, map.find("vips").value_or(file));
    PortClaims ports;
    ReceiveReader receive(known_balancers, known_vips, ports);
    if (map.find("receive") || map.find("tunnels"))
        map.optional("receive", receive, config.receive);
    else
        map.required("receive", receive, config.receive, "[{encap: ipip}]");
    map.optional("tunnels", TunnelsReader(known_vips, ports), config.tunnels);
    map.optional("interfaces", yaml::interface_names, config.interfaces);
    if (const auto sysctl = map.find("sysctl")) read_sysctl(*sysctl, config);
    map.unsupported({"guard", "mss"});
    map.finish();
    return config;
}

}  // namespace culvert::realserver
