// SPDX-License-Identifier: Apache-2.0
#include "realserver/check/arrivals.hpp"

#include <fmt/format.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "netlink/arrival.hpp"
#include "netlink/neighbour.hpp"
#include "realserver/receive/receivers.hpp"

namespace culvert::realserver {

namespace {

/// Of many VIPs, the first ones are enough to find rules that refuse them.
constexpr std::size_t most_vips = 64;

/// A client of the VIP to which the kernel has a route, so that the reverse-path filter is not the cause.
std::optional<IpAddress> client_of(const Environment& seen, const Prefix& vip) {
    const auto answered = std::ranges::find_if(
        seen.answers, [&](const auto& answer) { return answer.vip == vip && answer.way.has_value(); });
    return answered == seen.answers.end() ? std::nullopt : std::optional(answered->client);
}

std::string words(const netlink::Result<netlink::Route>& route) {
    if (!route) return route.error().message();
    return fmt::format("it is forwarded{}", route->hops.empty() || !route->hops.front().gateway
                                                ? ""
                                                : " to " + route->hops.front().gateway->to_string());
}

/// The protocol and the port of a request, or zero.
using Asked = std::pair<std::uint8_t, std::uint16_t>;

/// A request to no special port. If rules select by protocol or port, one to each service.
std::set<Asked> requests(const Environment& seen, const IpAddress& vip) {
    const auto asks = [](const netlink::Rule& rule) { return rule.destination_ports || rule.ip_protocol != 0; };
    std::set<Asked> services{{}};
    if (std::ranges::none_of(seen.routing.rules, asks)) return services;
    for (const auto& listener : seen.listeners) {
        const std::uint8_t protocol = listener.socket.protocol;
        const bool is_asked = protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;  // the kernel looks up no others
        if (is_asked && listener.socket.takes(vip)) services.emplace(protocol, listener.socket.port);
    }
    return services;
}

}  // namespace

std::set<std::string> ways_in(const Desired& desired, netlink::Family family) {
    std::set<std::string> devices;
    const Receivers receivers(desired);
    for (const auto& [device, carried] : receivers.devices())
        if (carried.contains(family)) devices.insert(device);
    const bool bare =
        !desired.decap.empty() || std::ranges::any_of(desired.by_kernel, [family](const Receive& receive) {
            const auto* mark = std::get_if<L3dsr>(&receive);
            return mark != nullptr ? mark->vip.family() == family : std::holds_alternative<L2>(receive);
        });
    if (!bare) return devices;
    const auto& interfaces = desired.config.interfaces;
    if (interfaces.empty()) devices.insert(desired.ways_in.begin(), desired.ways_in.end());
    devices.insert(interfaces.begin(), interfaces.end());
    return devices;
}

netlink::Result<> observe_arrivals(const Desired& desired, const Observed& observed, netlink::Socket& route,
                                   Environment& seen) {
    TRY(const auto neighbours, netlink::Neighbours(route).dump());
    for (const netlink::Neighbour& neighbour : neighbours)
        if ((neighbour.state & NUD_FAILED) != 0) seen.silent.insert(neighbour.address);

    std::size_t asked = 0;
    for (const Prefix& vip : desired.config.vips) {
        const auto client = client_of(seen, vip);
        if (!client || !observed.state.contains(key(Vip{vip})) || ++asked > most_vips) continue;
        for (const std::string& name : ways_in(desired, vip.address.family())) {
            const auto device = seen.devices.find(name);
            if (device == seen.devices.end() || !device->second.up) continue;
            for (const auto& [protocol, port] : requests(seen, vip.address)) {
                const auto taken = netlink::route_of_arrival(route, {.source = *client,
                                                                     .destination = vip.address,
                                                                     .link = device->second.index,
                                                                     .ip_protocol = protocol,
                                                                     .destination_port = port});
                if (!taken && taken.error().code == EXDEV) continue;  // the reverse-path filter: see check_input
                if (!taken || taken->type != RTN_LOCAL)
                    seen.refused.push_back({vip.address, *client, name, words(taken), protocol, port});
            }
        }
    }
    return {};
}

}  // namespace culvert::realserver
