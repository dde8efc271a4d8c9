// SPDX-License-Identifier: Apache-2.0
#include "realserver/host/balancers.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "netlink/ifaddr.hpp"
#include "netlink/next_hops.hpp"
#include "realserver/host/kernel_host.hpp"

namespace culvert::realserver {

using netlink::IpAddress;
using netlink::Prefix;
using netlink::Result;
using netlink::Route;

namespace {

/// A network may be as large as the Internet. This many routes into it are looked up.
constexpr std::size_t most_parts = 256;

}  // namespace

Result<WaysToBalancers> WaysToBalancers::open(netlink::Socket& route, const std::vector<Route>& routes) {
    WaysToBalancers ways(route);
    TRY(const auto rules, netlink::Rules(route).dump());
    if (std::ranges::any_of(rules, [](const netlink::Rule& rule) { return rule.source.has_value(); })) {
        TRY(const auto addresses, netlink::InterfaceAddresses(route).dump());
        for (const netlink::InterfaceAddress& own : addresses)
            if (own.link != index_of_lo && !own.prefix.address.is_link_local())
                ways.sources_.push_back(own.prefix.address);
    }
    for (const Route& one : routes)
        if (one.type == RTN_UNICAST && one.destination.length > 0) ways.destinations_.push_back(one.destination);
    return ways;
}

std::vector<Route> WaysToBalancers::to(const Prefix& balancer) const {
    std::vector<IpAddress> addresses{inside(balancer)};
    for (const Prefix& part : destinations_)
        if (part.length > balancer.length && balancer.contains(part.address) && addresses.size() < most_parts)
            addresses.push_back(inside(part));
    std::vector<Route> found;
    const auto ask = [&](const IpAddress& destination, const std::optional<IpAddress>& source) {
        auto route = netlink::whole_route(*route_, {.destination = destination, .source = source});
        if (route && route->type == RTN_UNICAST && !route->hops.empty()) found.push_back(*std::move(route));
    };
    for (const IpAddress& address : addresses) {
        ask(address, {});
        for (const IpAddress& source : sources_)
            if (source.family() == address.family()) ask(address, source);
    }
    return found;
}

IpAddress inside(const Prefix& network) {
    if (network.is_host()) return network.address;
    std::vector<std::uint8_t> bytes(network.address.bytes().begin(), network.address.bytes().end());
    bytes.back() |= 1;
    return IpAddress::from_bytes(bytes).value();
}

}  // namespace culvert::realserver
