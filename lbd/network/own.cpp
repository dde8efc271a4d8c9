// SPDX-License-Identifier: Apache-2.0
#include "lbd/network/own.hpp"

#include <set>
#include <variant>
#include <vector>

namespace culvert::lbd {
namespace {

using netlink::Link;

/// `lower` of a veth is its other end, which it does not stand on.
bool stands_on(const Link& upper, const Link& lower) {
    return (upper.lower == lower.index && !upper.lower_netns && upper.kind != "veth") || lower.master == upper.index;
}

void add_from(const Link& link, const Network& network, std::set<std::uint32_t>& seen,
              std::set<netlink::MacAddress>& macs) {
    if (!seen.insert(link.index).second) return;
    macs.insert(*link.mac);
    for (const auto& [index, other] : network.links)
        if (stands_on(other, link)) add_from(other, network, seen, macs);
}

}  // namespace

Own own(const Network& network) {
    Own own;
    for (const auto& [index, port] : network.ports) {
        std::set<std::uint32_t> seen, entrances{index};
        std::set<netlink::MacAddress> macs;
        add_from(port, network, seen, macs);
        for (const auto& [member_index, member] : network.links) {
            if (member.master != index) continue;
            macs.insert(*member.mac);
            if (std::holds_alternative<netlink::Bond>(port.details)) entrances.insert(member_index);
        }
        for (const std::uint32_t entrance : entrances)
            for (const netlink::MacAddress& mac : macs) own.macs.insert({.port = entrance, .mac = mac});
    }
    for (const auto& [index, link] : network.vlans) {
        const auto lower = network.vlans.find(link.lower);
        const netlink::Link& lowest = lower == network.vlans.end() ? link : lower->second;
        if (network.ports.contains(lowest.lower)) own.vlans.insert(std::get<netlink::Vlan>(link.details).id);
    }
    return own;
}

}  // namespace culvert::lbd
