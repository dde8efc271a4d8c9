// SPDX-License-Identifier: Apache-2.0
#include "realserver/config/reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <variant>
#include <vector>

#include "common/scalars.hpp"
#include "realserver/config/receive.hpp"
#include "realserver/config/tunnels.hpp"

namespace culvert::realserver {

namespace {

namespace yaml = common::yaml;
using yaml::MapReader;
using yaml::Value;

using Prefixes = std::vector<Prefix>;

/// Networks without duplicates, each accepted by `check`; none if one of them is invalid.
template <typename Check>
std::optional<Prefixes> prefixes(const Value& value, const yaml::Wanted& wanted, Check check) {
    const auto elements = value.list(wanted);
    if (!elements) return std::nullopt;
    bool good = true;
    Prefixes result;
    std::set<Prefix> known;
    for (const Value& element : *elements) {
        const auto prefix = yaml::prefix(element);
        good = prefix && check(element, *prefix) && good;
        if (!prefix) continue;
        if (!known.insert(*prefix).second)
            element.fail(fmt::format("{} is listed twice: remove one", element.node().text));
        result.push_back(*prefix);
    }
    return good ? std::optional(result) : std::nullopt;
}

bool check_balancer(const Value& value, const Prefix& balancer) {
    if (!balancer.address.is_multicast() && !balancer.address.is_loopback()) return true;
    value.fail(fmt::format("{} cannot be a balancer: packets never have this source", balancer.address.to_string()));
    return false;
}

std::optional<Prefixes> balancers(const Value& value) {
    return prefixes(value, {"a list of balancers", "their addresses or networks, such as [10.0.0.1, 10.0.0.2]"},
                    check_balancer);
}

/// The reason why the address can't belong to one host, or nothing.
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

/// This host accepts every address of a VIP network as its own, so a typing error must not claim half of the world.
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

/// This host needs routes to the balancers, so no VIP may contain one.
void keep_apart(const Prefixes& balancers, const Prefixes& vips, const Value& value) {
    for (const Prefix& vip : vips)
        for (const Prefix& balancer : balancers)
            if (vip.length <= balancer.length && vip.contains(balancer.address))
                value.fail(fmt::format("{} contains the balancer {}: a balancer's own address cannot be a VIP",
                                       vip.to_string(),
                                       balancer.is_host() ? balancer.address.to_string() : balancer.to_string()));
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

std::optional<Guard> guard(const Value& value) {
    return yaml::one_of<Guard>("a guard", {{"strict", Guard::strict}, {"log", Guard::log}, {"off", Guard::off}})(value);
}

std::optional<Prefixes> tunnel_peers(const Value& value) {
    return prefixes(
        value, {"a list of tunnel peers", "the other ends of tunnels that are not realserver's, such as [10.9.0.1]"},
        check_balancer);
}

/// The least MSS that the kernel accepts (TCP_MIN_MSS of include/net/tcp.h), and the most that fits an IPv4 packet.
constexpr std::uint16_t least_mss = 88;
constexpr std::uint16_t most_mss = 65495;

std::optional<Mss> mss(const Value& value) {
    const yaml::Wanted wanted{"an MSS", fmt::format("auto, off, or bytes from {} to {}", least_mss, most_mss)};
    const auto text = value.scalar(wanted);
    if (!text) return std::nullopt;
    if (*text == "auto") return Mss{};
    if (*text == "off") return Mss{.automatic = false, .size = {}};
    const auto size = yaml::decimal(*text);
    if (!size || *size < least_mss || *size > most_mss) return value.mismatch(wanted);
    return Mss{.automatic = false, .size = static_cast<std::uint16_t>(*size)};
}

/// RFC 791: every IPv4 host can receive this.
constexpr std::uint32_t least_mtu = 576;
constexpr std::uint32_t most_mtu = 65535;

bool is_tunnel(const Receive& receive) {
    const auto* end = std::get_if<TunnelEnd>(&receive);
    return end != nullptr && !end->outer.empty();
}

void demand_balancers(const Config& config, const Value& receive) {
    const bool has_senders = !config.balancers.empty() || !config.tunnels.empty();
    if (config.guard == Guard::off || has_senders) return;
    const auto is_guarded = [](const Receive& one) { return is_tunnel(one) && via(one) != Via::xdp; };
    if (std::ranges::any_of(config.receive, is_guarded))
        receive.fail(
            "the guard accepts tunnel packets from \"balancers\" only, and there are none: list them, such as "
            "balancers: [10.0.0.1], or write guard: off");
}

constexpr std::string_view not_here = "leave that to netplan: this file has balancers, vips, receive and tunnels";

constexpr auto own_foreign_keys = std::to_array<yaml::ForeignKey>({
    {"addresses", "vips"},
    {"remote", "balancers"},
    {"remotes", "balancers"},
    {"mode", "receive"},
    {"encap", "receive"},
    {"ttl", "", "the balancers set it; a device of \"tunnels\" has a key for it"},
    {"routes", "", not_here},
});
constexpr auto foreign_keys = yaml::with_netplans(own_foreign_keys, not_here);

}  // namespace

std::optional<Config> read_config(const Value& file) {
    Config config;
    MapReader map(file, "the configuration", "a map of vips, receive and so on", foreign_keys);
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
    map.optional("guard", guard, config.guard);
    if (const auto ways = map.find("receive"); ways && known_balancers) demand_balancers(config, *ways);
    map.optional("interfaces", yaml::interface_names, config.interfaces);
    map.optional("tunnel_peers", tunnel_peers, config.tunnel_peers);
    map.optional("mss", mss, config.mss);
    map.optional("mtu", yaml::number<std::uint32_t>("an MTU", least_mtu, most_mtu), config.mtu);
    if (const auto sysctl = map.find("sysctl")) read_sysctl(*sysctl, config);
    map.finish();
    return config;
}

}  // namespace culvert::realserver
