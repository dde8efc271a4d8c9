// SPDX-License-Identifier: Apache-2.0
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "netlink/fou.hpp"
#include "netlink/ifaddr.hpp"
#include "netlink/links.hpp"
#include "netlink/links_elsewhere.hpp"
#include "netlink/modules.hpp"
#include "netlink/route.hpp"
#include "netlink/sysctl.hpp"
#include "realserver/guard/ruleset.hpp"
#include "realserver/host/balancers.hpp"
#include "realserver/host/kernel_host.hpp"
#include "realserver/receive/encapsulation.hpp"
#include "realserver/receive/fallback.hpp"

namespace culvert::realserver {

namespace {

using netlink::IpAddress;
using netlink::ModuleState;
using netlink::Prefix;
using netlink::Result;
using netlink::SysctlKey;
using netlink::nft::Nftables;

using LinksByIndex = std::map<std::uint32_t, netlink::Link>;

/// True if it is one, which receives none of this host's packets.
bool put_split_tunnel(const netlink::Link& link, std::optional<std::int32_t> netns, Observed& observed) {
    const auto* device = std::get_if<netlink::TunnelDevice>(&link.details);
    if (device == nullptr || !link.lower_netns) return false;
    if (const auto* tunnel = std::get_if<netlink::Tunnel>(device))
        observed.around.split_tunnels.push_back({link.name, *tunnel, link.is_up(), netns});
    return true;
}

/// Tunnel devices that somebody has moved to other network namespaces. Without a module there are none.
Result<> observe_links_elsewhere(netlink::Socket& route, Observed& observed) {
    const auto is_device = [](const auto& item) { return item.first.kind == Kind::device; };
    if (std::ranges::none_of(observed.state, is_device)) return {};
    TRY(const auto links, netlink::links_elsewhere(route));
    for (const auto& [netns, link] : links) put_split_tunnel(link, netns, observed);
    return {};
}

void put_device(const netlink::Link& link, Observed& observed) {
    if (put_split_tunnel(link, {}, observed)) return;
    auto device = device_of(link);
    if (!device) return;
    if (link.alias == our_alias) observed.marked.insert(key(*device));
    put(observed.state, *std::move(device));
}

/// An XDP program, ours or a foreign one.
Result<> put_decap(const netlink::Link& link, const DecapPrograms& programs, Observed& observed) {
    TRY(auto decap, programs.observe(link));
    if (!decap) return {};
    if (decap->program) observed.marked.insert(key(*decap));
    put(observed.state, *std::move(decap));
    return {};
}

Result<LinksByIndex> observe_links(netlink::Socket& route, const DecapPrograms& programs, Observed& observed) {
    HostState& state = observed.state;
    LinksByIndex by_index;
    TRY(auto links, netlink::Links(route).dump());
    for (netlink::Link& link : links) {
        put(state, Link{link.name, link.is_up()});
        put_device(link, observed);
        CHECK_OK(put_decap(link, programs, observed));
        const auto* device = std::get_if<netlink::TunnelDevice>(&link.details);
        const auto* tunnel = device != nullptr ? std::get_if<netlink::Tunnel>(device) : nullptr;
        if (tunnel != nullptr && tunnel->kind == netlink::TunnelKind::ip6tnl)
            put(state, TunnelMode{link.name, tunnel->inner});
        by_index.emplace(link.index, std::move(link));
    }
    return by_index;
}

/// ENOENT: the device was deleted meanwhile, or its MTU is too small for IPv4, and so it has no such sysctl.
Result<> observe_sysctl(const SysctlKey& key, HostState& state) {
    auto value = netlink::read_number(key);
    if (value) put(state, Sysctl{key, *value});
    if (!value && value.error().code != ENOENT) return tl::unexpected(std::move(value).error());
    return {};
}

Result<> observe_sysctls(const LinksByIndex& links, HostState& state) {
    for (const SysctlKey& key : {SysctlKey::rp_filter("all"), SysctlKey::rp_filter("default"),
                                 SysctlKey::arp_ignore("all"), SysctlKey::arp_announce("all")})
        CHECK_OK(observe_sysctl(key, state));
    for (const auto& [index, link] : links) CHECK_OK(observe_sysctl(SysctlKey::rp_filter(link.name), state));
    return {};
}

/// Returns whether it is ours. Of IPv4, somebody may add the same address with another prefix length beside ours: that
/// one stays, so ours is the one to remember.
bool put_vip(Vip vip, Observed& observed) {
    const Key its = key(vip);
    const bool is_ours = vip.manner->protocol == our_protocol;
    if (is_ours) {
        vip.manner.reset();
        observed.marked.insert(its);
    }
    if (is_ours || !observed.marked.contains(its)) put(observed.state, std::move(vip));
    return is_ours;
}

/// VIPs, and this host's other addresses.
Result<> observe_addresses(netlink::Socket& route, Observed& observed) {
    TRY(const auto routes, netlink::Routes(route).dump({.table = RT_TABLE_LOCAL}));
    for (const netlink::Route& local : routes) {
        if (local.type != RTN_LOCAL) continue;
        const bool on_lo = local.hops.size() == 1 && local.hops.front().link == index_of_lo;
        if (local.destination.is_host()) {
            const IpAddress& address = local.destination.address;
            if (!address.is_loopback() && !address.is_link_local()) observed.around.addresses.insert(address);
        } else if (on_lo) {
            put_vip({local.destination, Vip::Manner{.label = {}, .protocol = local.protocol}}, observed);
        }
    }
    TRY(const auto addresses, netlink::InterfaceAddresses(route).dump());
    std::set<IpAddress> ours;
    std::set<IpAddress> of_others;
    for (const netlink::InterfaceAddress& address : addresses) {
        const bool on_lo = address.link == index_of_lo;
        const bool is_ours =
            on_lo && put_vip({Prefix::host(address.prefix.address), Vip::Manner{.length = address.prefix.length,
                                                                                .scope = address.scope,
                                                                                .flags = address.flags,
                                                                                .label = address.label,
                                                                                .protocol = address.protocol}},
                             observed);
        if (!on_lo) observed.around.networks.insert(address.prefix);
        (is_ours ? ours : of_others).insert(address.prefix.address);
    }
    // Our VIPs come and go with the configuration, so programs must not count them as addresses of the host, unless
    // somebody has added the same address, on lo or on another device.
    for (const IpAddress& vip : ours)
        if (!of_others.contains(vip)) observed.around.addresses.erase(vip);
    return {};
}

/// IPv6 may have an MTU of its own, from router advertisements (RFC 4861, section 4.6.4) or the administrator.
std::uint32_t mtu_of(const netlink::Link& link, netlink::Family family) {
    if (family == netlink::Family::ipv4) return link.mtu;
    const auto own = netlink::read_number(netlink::SysctlKey::conf(family, link.name, "mtu"));
    return own ? std::min(static_cast<std::uint32_t>(*own), link.mtu) : link.mtu;
}

/// Gateways, and the routes to balancers.
Result<> observe_routes(netlink::Socket& route, const std::vector<Prefix>& balancers, const LinksByIndex& links,
                        Surroundings& around) {
    TRY(const auto routes, netlink::Routes(route).dump());
    for (const netlink::Route& one : routes)
        for (const netlink::NextHop& hop : one.hops)
            if (hop.gateway) around.gateways.insert(*hop.gateway);
    if (balancers.empty()) return {};
    TRY(const WaysToBalancers ways, WaysToBalancers::open(route, routes));
    for (const Prefix& balancer : balancers)
        for (const netlink::Route& way : ways.to(balancer))
            for (const netlink::NextHop& hop : way.hops) {
                const auto link = links.find(hop.link);
                if (link == links.end() || link->second.is_loopback()) continue;
                around.ways_in.insert(link->second.name);
                const std::uint32_t mtu = mtu_of(link->second, balancer.address.family());
                around.link_mtu = std::min(around.link_mtu.value_or(mtu), mtu);
            }
    return {};
}

/// Returns whether the kernel has FOU.
Result<bool> observe_ports(netlink::Socket& generic, const LinksByIndex& links, HostState& state) {
    auto ports = netlink::FouPorts(generic).dump();
    if (!ports && ports.error().code == ENOENT) return false;
    if (!ports) return tl::unexpected(std::move(ports).error());
    for (netlink::FouPort& port : *ports) {
        const auto link = links.find(port.link);
        port.link = 0;
        put(state, Port{port, link == links.end() ? std::string{} : link->second.name});
    }
    return true;
}

/// A module that is built in may not be listed. It is there if its device or its netlink family is.
Result<> observe_modules(bool has_fou, Observed& observed) {
    HostState& state = observed.state;
    std::vector<std::string_view> others;
    for (const std::string_view module : all_modules()) {
        const auto devices = devices_of_module(module);
        const bool at_work =
            module == "fou" ? has_fou : !devices.empty() && state.contains({Kind::link, std::string(devices.front())});
        if (at_work)
            put(state, Module{std::string(module)});
        else
            others.push_back(module);
    }
    TRY(const auto states, netlink::module_states(others));
    for (std::size_t i = 0; i < others.size(); ++i) {
        const bool there = states[i] == ModuleState::loaded || states[i] == ModuleState::built_in;
        if (there) put(state, Module{std::string(others[i])});
        if (states[i] == ModuleState::absent) observed.around.absent_modules.emplace(others[i]);
    }
    return {};
}

}  // namespace

Result<HostState> KernelHost::unannounced() {
    Observed observed;
    CHECK_OK(observe_sysctls({}, observed.state));
    TRY(const bool has_fou, observe_ports(generic_, {}, observed.state));
    if (has_fou) put(observed.state, Module{"fou"});
    TRY(const auto links, netlink::Links(route_).dump());
    for (const netlink::Link& link : links) CHECK_OK(put_decap(link, decap_, observed));
    return std::move(observed.state);
}

Result<Observed> KernelHost::observe(const std::vector<Prefix>& balancers) {
    Observed observed;
    // Before links: lo loses its routes when it goes down, and nobody can add them while it is down.
    CHECK_OK(observe_addresses(route_, observed));
    TRY(const LinksByIndex links, observe_links(route_, decap_, observed));
    CHECK_OK(observe_links_elsewhere(route_, observed));
    CHECK_OK(observe_sysctls(links, observed.state));
    CHECK_OK(observe_routes(route_, balancers, links, observed.around));
    TRY(const bool has_fou, observe_ports(generic_, links, observed.state));
    CHECK_OK(observe_modules(has_fou, observed));
    if (!nftables_) nftables_ = Nftables::open();  // its module may be loaded by now
    if (!nftables_) {
        observed.around.absent_modules.emplace("nf_tables");
    } else {
        TRY(auto table, nftables_->read(table_name));
        if (table) {
            const Ruleset ruleset{*std::move(table)};
            observed.marked.insert(key(ruleset));
            put(observed.state, ruleset);
        }
    }
    return observed;
}

}  // namespace culvert::realserver
