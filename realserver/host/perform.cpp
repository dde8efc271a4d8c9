// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <tuple>
#include <utility>

#include "netlink/fou.hpp"
#include "netlink/ifaddr.hpp"
#include "netlink/ip6tnl.hpp"
#include "netlink/links.hpp"
#include "netlink/modules.hpp"
#include "netlink/route.hpp"
#include "netlink/sysctl.hpp"
#include "realserver/host/kernel_host.hpp"

namespace culvert::realserver {

namespace {

using netlink::Family;
using netlink::Prefix;
using netlink::Result;
using netlink::Socket;

/// Our VIPs are never chosen as the source of this host's own connections: the IPv4 address has scope host, the IPv6
/// address is deprecated.
netlink::InterfaceAddress address_on_lo(const Vip& vip) {
    if (vip.manner)
        return {.prefix = {vip.prefix.address, vip.manner->length},
                .link = index_of_lo,
                .scope = vip.manner->scope,
                .flags = vip.manner->flags,
                .label = vip.manner->label,
                .protocol = vip.manner->protocol};
    return {.prefix = vip.prefix,
            .link = index_of_lo,
            .scope = RT_SCOPE_HOST,
            .flags = vip.prefix.address.is_v4() ? 0U : IFA_F_NODAD | IFA_F_DEPRECATED,
            .protocol = our_protocol};
}

netlink::Route local_route(const Vip& vip) {
    return {.destination = vip.prefix,
            .hops = {{.link = index_of_lo}},
            .table = RT_TABLE_LOCAL,
            .type = RTN_LOCAL,
            .protocol = vip.manner ? vip.manner->protocol : our_protocol,
            .scope = RT_SCOPE_HOST};
}

/// The request that makes a VIP an address of this host.
netlink::Request addition(const Vip& vip) {
    return vip.prefix.is_host() ? netlink::InterfaceAddresses::addition(address_on_lo(vip))
                                : netlink::Routes::addition(local_route(vip));
}

netlink::Request removal(const Vip& vip) {
    return vip.prefix.is_host() ? netlink::InterfaceAddresses::removal(address_on_lo(vip))
                                : netlink::Routes::removal(local_route(vip));
}

/// The requests that replace somebody's VIP by ours, or ours by somebody's, in one system call.
std::vector<netlink::Request> replacement(const Vip& before, const Vip& after) {
    std::vector<netlink::Request> requests;
    requests.push_back(removal(before));
    requests.push_back(addition(after));
    return requests;
}

/// Adds the cure to the error of a VIP request.
Result<> explained(Result<> outcome) {
    if (!outcome && outcome.error().code == EACCES)
        outcome.error().cure = "IPv6 is disabled: sysctl -w net.ipv6.conf.lo.disable_ipv6=0";
    return outcome;
}

netlink::LinkChange change_to(const Device& device) {
    netlink::LinkChange change{.mac = device.mac, .alias = std::string(our_alias)};
    if (const auto* tunnel = std::get_if<netlink::Tunnel>(&device.parameters)) change.tunnel = *tunnel;
    return change;
}

/// Adds, changes and removes items.
struct Performer {
    Socket& route;
    Socket& generic;
    Result<netlink::nft::Nftables>& nftables;
    const DecapPrograms& programs;
    const std::optional<Item>& before;  ///< the present value, if the item is to be changed

    [[nodiscard]] Result<std::uint32_t> index(const std::string& device) const {
        TRY(const netlink::Link link, netlink::Links(route).get(device));
        return link.index;
    }

    [[nodiscard]] Result<netlink::FouPort> bound(const Port& item) const {
        netlink::FouPort port = item.port;
        if (!item.device.empty()) {
            TRY(port.link, index(item.device));
        }
        return port;
    }

    [[nodiscard]] Result<> make(const Module& module) const { return netlink::load_module(module.name); }
    /// The kernel accepts an alias only for an existing device. Until then only the record shows that it is ours.
    [[nodiscard]] Result<> make(const Device& device) const {
        netlink::Links links(route);
        if (before) return links.change(device.name, change_to(device));
        CHECK_OK(links.create({.name = device.name, .kind = device.parameters, .mac = device.mac, .mtu = {}}));
        auto marked = links.change(device.name, {.alias = std::string(our_alias)});
        if (!marked) std::ignore = links.remove(device.name);
        return marked;
    }
    [[nodiscard]] Result<> make(const TunnelMode& mode) const {
        return netlink::set_ip6tnl_mode(mode.device, mode.inner);
    }
    [[nodiscard]] Result<> make(const Sysctl& sysctl) const {
        return netlink::write(sysctl.key, std::to_string(sysctl.value));
    }
    [[nodiscard]] Result<> make(const Vip& vip) const {
        if (!before) return explained(route.request(addition(vip)));
        // EEXIST: somebody has added it again already, with another prefix length than ours.
        for (auto& outcome : route.request(replacement(std::get<Vip>(*before), vip)))
            if (!outcome && outcome.error().code != EEXIST) return outcome;
        return {};
    }
    [[nodiscard]] Result<> make(const Ruleset& ruleset) const {
        if (!nftables) return tl::unexpected(nftables.error());
        CHECK_OK(nftables->replace(ruleset.table));
        return {};
    }
    [[nodiscard]] Result<> make(const Link& link) const {
        return netlink::Links(route).change(link.device, {.up = link.up});
    }
    [[nodiscard]] Result<> make(const Decap& decap) const {
        TRY(const std::uint32_t device, index(decap.device));
        return programs.attach(decap, device);
    }
    [[nodiscard]] Result<> make(const Port& item) const {
        TRY(const netlink::FouPort port, bound(item));
        auto added = netlink::FouPorts(generic).add(port);
        if (!added && added.error().code == EADDRINUSE)
            added.error().cure =
                fmt::format("a process uses it: ss -{}ulpn sport = :{}; stop it, or choose another port",
                            port.family == Family::ipv4 ? 4 : 6, port.port);
        return added;
    }

    [[nodiscard]] Result<> unmake(const Device& device) const { return netlink::Links(route).remove(device.name); }
    [[nodiscard]] Result<> unmake(const Vip& vip) const { return route.request(removal(vip)); }
    [[nodiscard]] Result<> unmake(const Ruleset& ruleset) const {
        if (!nftables) return tl::unexpected(nftables.error());
        CHECK_OK(nftables->remove(ruleset.table.name));
        return {};
    }
    [[nodiscard]] Result<> unmake(const Decap& decap) const {
        TRY(const std::uint32_t device, index(decap.device));
        return programs.detach(decap.device, device);
    }
    [[nodiscard]] Result<> unmake(const Port& item) const {
        TRY(const netlink::FouPort port, bound(item));
        return netlink::FouPorts(generic).remove(port);
    }
    /// Modules stay loaded. Settings can't be removed.
    template <typename T>
    [[nodiscard]] Result<> unmake(const T&) const {
        return {};
    }
};

}  // namespace

Result<> KernelHost::perform(const Change& change) {
    const Performer performer{route_, generic_, nftables_, decap_, change.before};
    if (change.after) return std::visit([&](const auto& item) { return performer.make(item); }, *change.after);
    return std::visit([&](const auto& item) { return performer.unmake(item); }, change.before.value());
}

std::vector<Result<>> KernelHost::perform(std::span<const Change> changes) {
    std::vector<netlink::Request> requests;
    for (const Change& change : changes) {
        if (change.kind() != Kind::vip || (change.before && change.after)) return Host::perform(changes);
        const Vip& vip = std::get<Vip>(change.after ? *change.after : change.before.value());
        requests.push_back(change.after ? addition(vip) : removal(vip));
    }
    auto outcomes = route_.request(std::move(requests));
    std::ranges::transform(outcomes, outcomes.begin(), explained);
    return outcomes;
}

}  // namespace culvert::realserver
