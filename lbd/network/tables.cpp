// SPDX-License-Identifier: Apache-2.0
#include "lbd/network/tables.hpp"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>
#include <variant>

namespace culvert::lbd {
namespace {

bool is_vlan(const netlink::Link& link) { return std::holds_alternative<netlink::Vlan>(link.details); }

std::optional<netlink::MacAddress> mac_in_use(const netlink::Neighbour& neighbour) {
    return neighbour.is_usable() ? neighbour.mac : std::nullopt;
}

}  // namespace

NeighbourKey key_of(const netlink::Neighbour& neighbour) {
    return {.link = neighbour.link, .address = neighbour.address};
}

bool is_settled(const netlink::InterfaceAddress& address) {
    return (address.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0;
}

bool has_vlans(const Network& network) {
    return std::ranges::any_of(network.vlans,
                               [&](const auto& vlan) { return find_link(network, vlan.second.lower) != nullptr; });
}

void Tables::load(const std::vector<netlink::Link>& links, const std::vector<netlink::Neighbour>& neighbours,
                  Clock::time_point now) {
    network_.ports.clear();
    network_.vlans.clear();
    network_.members.clear();
    network_.links.clear();
    for (const auto& link : links) {
        if (link.mac) network_.links.emplace(link.index, link);
        if (is_port(link))
            network_.ports.emplace(link.index, link);
        else if (is_vlan(link))
            network_.vlans.emplace(link.index, link);
    }
    for (const auto& link : links)
        if (network_.ports.contains(link.master)) network_.members.emplace(link.index, link);

    std::set<NeighbourKey> present;
    for (const auto& neighbour : neighbours) {
        take({.value = neighbour}, now);
        present.insert(key_of(neighbour));
    }
    std::erase_if(network_.neighbours, [&](const auto& known) { return !present.contains(known.first); });
    std::erase_if(since_, [this](const auto& known) { return !network_.neighbours.contains(known.first); });
}

void Tables::load_addresses(const std::vector<netlink::InterfaceAddress>& addresses) {
    network_.with_link_local.clear();
    for (const auto& address : addresses)
        if (!address.prefix.address.is_v4() && address.scope == RT_SCOPE_LINK && is_settled(address))
            network_.with_link_local.insert(address.link);
}

bool Tables::take_ipv6_mtus(std::map<std::uint32_t, std::uint32_t> mtus) {
    return std::exchange(network_.ipv6_mtus, std::move(mtus)) != network_.ipv6_mtus;
}

bool Tables::is_port(const netlink::Link& link) const {
    return link.mac && std::ranges::any_of(interfaces_, [&](const auto& name) { return link.is_called(name); });
}

/// A link that comes or goes changes other links and neighbours too; their events may have been ignored, so all is
/// read.
Effect Tables::take(const netlink::LinkChanged& event) {
    const netlink::Link& link = event.value;
    const bool is_port = !event.removed && this->is_port(link);
    const bool goes = event.removed && find_link(network_, link.index) != nullptr;
    if (goes || is_port != network_.ports.contains(link.index)) return Effect::all;
    const bool has_other_mac = take_mac(event);
    if (!event.removed && network_.ports.contains(link.master))
        network_.members.insert_or_assign(link.index, link);
    else
        network_.members.erase(link.index);
    if (event.removed || (!is_port && !is_vlan(link))) return has_other_mac ? Effect::ways : Effect::nothing;
    (is_port ? network_.ports : network_.vlans).insert_or_assign(link.index, link);
    return Effect::routes;
}

bool Tables::take_mac(const netlink::LinkChanged& event) {
    const netlink::Link& link = event.value;
    const auto known = network_.links.find(link.index);
    if (event.removed || !link.mac) {
        if (known == network_.links.end()) return false;
        network_.links.erase(known);
        return true;
    }
    const auto is_stacked = [](const netlink::Link& one) {
        return one.master != 0 || (one.lower != 0 && one.kind != "veth");
    };
    const bool concerns_ports = is_stacked(link) || (known != network_.links.end() && is_stacked(known->second));
    const bool is_other = known == network_.links.end() || known->second.mac != link.mac ||
                          known->second.master != link.master || known->second.lower != link.lower;
    network_.links.insert_or_assign(link.index, link);
    return is_other && concerns_ports;
}

Effect Tables::take(const netlink::NeighbourChanged& event, Clock::time_point now) {
    const NeighbourKey key = key_of(event.value);
    if (find_link(network_, key.link) == nullptr) return Effect::nothing;
    if (event.removed) {
        network_.neighbours.erase(key);
        since_.erase(key);
    } else {
        const auto known = network_.neighbours.find(key);
        if (known == network_.neighbours.end() || mac_in_use(known->second) != mac_in_use(event.value))
            since_[key] = now;
        network_.neighbours.insert_or_assign(key, event.value);
    }
    return Effect::ways;
}

std::vector<std::string> Tables::missing() const {
    std::vector<std::string> names;
    std::ranges::copy_if(interfaces_, std::back_inserter(names), [this](const std::string& name) {
        return std::ranges::none_of(network_.ports, [&](const auto& port) { return port.second.is_called(name); });
    });
    return names;
}

std::optional<Tables::Clock::time_point> Tables::since(const NeighbourKey& key) const {
    const auto known = since_.find(key);
    return known == since_.end() ? std::nullopt : std::optional(known->second);
}

}  // namespace culvert::lbd
