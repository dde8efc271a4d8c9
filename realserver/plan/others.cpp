// SPDX-License-Identifier: Apache-2.0
#include "realserver/plan/others.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "realserver/guard/guard.hpp"
#include "realserver/receive/fallback.hpp"
#include "realserver/receive/receivers.hpp"

namespace culvert::realserver {

namespace {

using netlink::SysctlKey;
using netlink::Tunnel;
using netlink::TunnelKind;

bool has_no_ends(const Tunnel& tunnel) { return !tunnel.local && !tunnel.remote; }

bool contain(const std::vector<Prefix>& prefixes, const IpAddress& address) {
    return std::ranges::any_of(prefixes, [&](const Prefix& prefix) { return prefix.contains(address); });
}

/// Whether the kernel prefers this tunnel to the fallback device for packets from a balancer (net/ipv4/ip_tunnel.c,
/// ip_tunnel_lookup; net/ipv6/sit.c, ipip6_tunnel_lookup; net/ipv6/ip6_tunnel.c, ip6_tnl_lookup; net/ipv6/ip6_gre.c,
/// ip6gre_tunnel_lookup).
bool takes_packets(const Tunnel& tunnel, bool up, const FallbackDevice& fallback, const Config& config,
                   const Surroundings& around) {
    // Of ip6tnl devices without ends the kernel considers only the latest, and none if that is down.
    if (has_no_ends(tunnel) && tunnel.kind == TunnelKind::ip6tnl) return true;
    if (!up) return false;
    const bool is_of_ipsec = tunnel.kind == fallback.of_ipsec;
    if (tunnel.kind != fallback.kind && !is_of_ipsec) return false;
    if (tunnel.external) return true;
    if (tunnel.input_key && !is_of_ipsec) return false;  // balancers send no key; a vti uses it as a mark
    if (tunnel.local && !around.addresses.contains(*tunnel.local)) return false;
    return !tunnel.remote || contain(config.balancers, *tunnel.remote);
}

bool speaks_as(const Tunnel& tunnel, const FallbackDevice& fallback) {
    return tunnel.kind == fallback.kind || tunnel.kind == fallback.of_ipsec ||
           std::ranges::count(fallback.beside, tunnel.kind) > 0;
}

bool is_listed(const Config& config, const IpAddress& remote) {
    return contain(config.balancers, remote) || contain(config.tunnel_peers, remote) ||
           std::ranges::any_of(config.tunnels, [&](const auto& ours) { return ours.parameters.remote == remote; });
}

long rp_filter(const HostState& state, std::string_view device) {
    const auto value = [&](std::string_view name) {
        const auto found = find(state, {Kind::sysctl, SysctlKey::rp_filter(name).to_string()});
        return found ? std::get<Sysctl>(*found).value : 0;
    };
    return std::max(value("all"), value(device));
}

/// The fallback device beside which the tunnel works, if the guard covers it.
const FallbackDevice* fallback_beside(const Tunnel& tunnel, const std::set<std::string>& guarded) {
    const auto* const found = std::ranges::find_if(fallback_devices, [&](const FallbackDevice& one) {
        return speaks_as(tunnel, one) && guarded.contains(std::string(one.name));
    });
    return found == fallback_devices.end() ? nullptr : &*found;
}

/// Of a tunnel whose device is elsewhere, this host's packets matter; of one whose device is here, what comes out.
std::optional<OtherTunnel> judge(const SplitTunnel& split, const Desired& desired, const Observed& observed) {
    const Tunnel& tunnel = split.parameters;
    const auto* const fallback = fallback_beside(tunnel, guarded_devices(desired));
    if (fallback == nullptr) return std::nullopt;
    OtherTunnel other{.device = split.device, .what = describe({split.device, tunnel, {}}), .instead_of = {}};
    if (tunnel.remote) other.remote = tunnel.remote->to_string();
    other.what += split.netns ? fmt::format(", in network namespace {}", *split.netns)
                              : ", its outer packets in another network namespace";
    other.netns = split.netns;
    other.of_ipsec = tunnel.kind == fallback->of_ipsec;
    if (!split.netns) {
        other.is_split = true;
        other.guarded = desired.config.guard == Guard::strict && !other.of_ipsec;
        other.listed = desired.peers_elsewhere.contains(split.device);
        return split.up && other.guarded && !other.listed ? std::optional(other) : std::nullopt;
    }
    const Receivers receivers(desired);
    if (!receivers.devices().contains(fallback->name) ||
        !takes_packets(tunnel, split.up, *fallback, desired.config, observed.around))
        return std::nullopt;
    other.instead_of = fallback->name;
    return other;
}

}  // namespace

std::string OtherTunnel::to_string() const {
    const std::string name = fmt::format("{} ({})", device, what);
    if (instead_of.empty() && remote.empty())
        return fmt::format("{}: the guard drops packets from it, as its other end is not in tunnel_peers", name);
    if (instead_of.empty())
        return fmt::format("{}: the guard drops packets from it, as {} is not in tunnel_peers", name, remote);
    std::string text = fmt::format("{} receives the packets meant for {}", name, instead_of);
    if (of_ipsec) return text + ", and drops them, as they did not arrive by IPsec";
    if (rp_filter != 0) text += fmt::format(", and its rp_filter ({}) drops those of IPv4", rp_filter);
    return text + (guarded ? "; the guard checks them there, too" : "");
}

std::vector<OtherTunnel> other_tunnels(const Desired& desired, const Observed& observed, const Record& record) {
    const Config& config = desired.config;
    const Receivers receivers(desired);
    const std::set<std::string> guarded = guarded_devices(desired);
    const HostState& state = observed.state;
    std::vector<OtherTunnel> result;
    for (const auto& [key, item] : state) {
        const auto* device = std::get_if<Device>(&item);
        const auto* tunnel = device != nullptr ? std::get_if<Tunnel>(&device->parameters) : nullptr;
        if (tunnel == nullptr || is_ours(item, observed, record) || guarded.contains(device->name)) continue;
        const auto* const fallback = fallback_beside(*tunnel, guarded);
        if (fallback == nullptr) continue;
        const auto link = find(state, {Kind::link, device->name});
        const bool up = link && std::get<Link>(*link).up;
        OtherTunnel other{.device = device->name, .what = value(item), .instead_of = {}};
        other.of_ipsec = tunnel->kind == fallback->of_ipsec;
        other.guarded = config.guard == Guard::strict && !other.of_ipsec;
        if (tunnel->remote) other.remote = tunnel->remote->to_string();
        other.listed = !tunnel->remote || is_listed(config, *tunnel->remote);
        other.is_kernels_own = other.of_ipsec && has_no_ends(*tunnel);
        if (receivers.devices().contains(fallback->name) && state.contains({Kind::link, std::string(fallback->name)}) &&
            takes_packets(*tunnel, up, *fallback, config, observed.around)) {
            other.instead_of = fallback->name;
            if (receivers.carries(fallback->name, Family::ipv4) && !other.of_ipsec)
                other.rp_filter = rp_filter(state, device->name);
        }
        if (!other.instead_of.empty() || (up && other.guarded && !other.listed)) result.push_back(std::move(other));
    }
    for (const SplitTunnel& split : observed.around.split_tunnels)
        if (auto other = judge(split, desired, observed)) result.push_back(*std::move(other));
    return result;
}

std::string renamed_fallback(std::string_view name, const HostState& state) {
    const auto* const fallback = std::ranges::find(fallback_devices, name, &FallbackDevice::name);
    if (fallback == fallback_devices.end()) return {};
    for (const auto& [key, item] : state) {
        const auto* device = std::get_if<Device>(&item);
        const auto* tunnel = device != nullptr ? std::get_if<Tunnel>(&device->parameters) : nullptr;
        if (tunnel != nullptr && tunnel->kind == fallback->kind && has_no_ends(*tunnel) && !tunnel->external &&
            !tunnel->input_key && tunnel->link == 0)
            return device->name;
    }
    return {};
}

}  // namespace culvert::realserver
