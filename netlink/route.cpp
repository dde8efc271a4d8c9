// SPDX-License-Identifier: Apache-2.0
#include "netlink/route.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>

namespace culvert::netlink {

namespace {

/// A gateway of the route's own family goes into RTA_GATEWAY, one of the other family (RFC 8950) into RTA_VIA.
struct GatewayAttribute {
    int type = RTA_GATEWAY;
    std::vector<std::uint8_t> payload;

    GatewayAttribute(const IpAddress& gateway, Family family) {
        if (gateway.family() != family) {
            type = RTA_VIA;
            const auto via_family = static_cast<__kernel_sa_family_t>(af(gateway.family()));
            payload.resize(sizeof via_family);
            std::memcpy(payload.data(), &via_family, sizeof via_family);
        }
        payload.insert(payload.end(), gateway.bytes().begin(), gateway.bytes().end());
    }
};

void encode_only_hop(Message& message, const NextHop& hop, Family family) {
    if (hop.link != 0) message.u32(RTA_OIF, hop.link);
    if (!hop.gateway) return;
    const GatewayAttribute gateway(*hop.gateway, family);
    message.put(gateway.type, gateway.payload.data(), gateway.payload.size());
}

void encode_hop(Message& list, const NextHop& hop, Family family) {
    rtnexthop header{.rtnh_len = sizeof header,
                     .rtnh_flags = hop.flags,
                     .rtnh_hops = static_cast<std::uint8_t>(hop.weight - 1),
                     .rtnh_ifindex = static_cast<int>(hop.link)};
    if (!hop.gateway) {
        list.header(header);
        return;
    }
    const GatewayAttribute gateway(*hop.gateway, family);
    header.rtnh_len = static_cast<std::uint16_t>(header.rtnh_len + NLA_HDRLEN + NLA_ALIGN(gateway.payload.size()));
    list.header(header).put(gateway.type, gateway.payload.data(), gateway.payload.size());
}

Message route_message(int type, int flags, const Route& route) {
    const IpAddress destination = route.destination.network().address;
    const Family family = destination.family();
    const bool one_hop = route.hops.size() == 1;
    Message message(type, flags,
                    rtmsg{.rtm_family = static_cast<std::uint8_t>(af(family)),
                          .rtm_dst_len = route.destination.length,
                          .rtm_table = RT_TABLE_UNSPEC,  // RTA_TABLE has the full number
                          .rtm_protocol = route.protocol,
                          .rtm_scope = route.scope,
                          .rtm_type = route.type,
                          .rtm_flags = one_hop ? route.hops.front().flags : 0U});
    message.u32(RTA_TABLE, route.table);
    if (route.destination.length > 0) message.address(RTA_DST, destination);
    if (route.source) message.address(RTA_PREFSRC, *route.source);
    if (route.metric != 0) message.u32(RTA_PRIORITY, route.metric);
    if (route.mtu != 0 || route.advertised_mss != 0)
        message.nest(RTA_METRICS, [&](Message& metrics) {
            if (route.mtu != 0) metrics.u32(RTAX_MTU, route.mtu);
            if (route.advertised_mss != 0) metrics.u32(RTAX_ADVMSS, route.advertised_mss);
        });
    if (one_hop) {
        encode_only_hop(message, route.hops.front(), family);
    } else if (!route.hops.empty()) {
        message.nest(RTA_MULTIPATH, [&](Message& list) {
            for (const NextHop& hop : route.hops) encode_hop(list, hop, family);
        });
    }
    return message;
}

std::optional<IpAddress> decode_gateway(const Attributes& attributes) {
    if (const auto via = attributes.find(RTA_VIA); via && via->size() > sizeof(__kernel_sa_family_t))
        return read_address(via->subspan(sizeof(__kernel_sa_family_t)));
    return attributes.address(RTA_GATEWAY);
}

std::vector<NextHop> decode_multipath(Bytes list) {
    std::vector<NextHop> hops;
    for (;;) {
        const auto header = read<rtnexthop>(list);
        if (!header || header->rtnh_len < sizeof *header || header->rtnh_len > list.size()) return hops;
        const Attributes attributes(list.first(header->rtnh_len).subspan(sizeof *header));
        hops.push_back({.gateway = decode_gateway(attributes),
                        .link = static_cast<std::uint32_t>(header->rtnh_ifindex),
                        .weight = static_cast<std::uint16_t>(header->rtnh_hops + 1),
                        .flags = header->rtnh_flags});
        list = list.subspan(std::min<std::size_t>(RTNH_ALIGN(header->rtnh_len), list.size()));
    }
}

std::vector<NextHop> decode_hops(const rtmsg& header, const Attributes& attributes) {
    if (const auto list = attributes.find(RTA_MULTIPATH)) return decode_multipath(*list);
    const NextHop hop{.gateway = decode_gateway(attributes),
                      .link = attributes.u32(RTA_OIF).value_or(0),
                      .flags = static_cast<std::uint8_t>(header.rtm_flags)};
    if (!hop.gateway && hop.link == 0) return {};
    return {hop};
}

bool forbids(std::uint8_t type) { return type == RTN_BLACKHOLE || type == RTN_UNREACHABLE || type == RTN_PROHIBIT; }

}  // namespace

std::optional<Route> decode_route(Bytes message) {
    const auto parsed = parse<rtmsg>(message);
    if (!parsed) return std::nullopt;
    const auto& [envelope, header, attributes] = *parsed;
    if (envelope.nlmsg_type != RTM_NEWROUTE && envelope.nlmsg_type != RTM_DELROUTE) return std::nullopt;
    const auto family = family_from_af(header.rtm_family);
    if (!family) return std::nullopt;
    const auto address = attributes.flag(RTA_DST) ? attributes.address(RTA_DST) : IpAddress::any(*family);
    if (!address || address->family() != *family || header.rtm_dst_len > address->bits()) return std::nullopt;

    const Attributes metrics = attributes.nested(RTA_METRICS);
    return Route{
        .destination = {*address, header.rtm_dst_len},
        .hops = decode_hops(header, attributes),
        .source = attributes.address(RTA_PREFSRC),
        .table = attributes.u32(RTA_TABLE).value_or(header.rtm_table),
        .type = header.rtm_type,
        .protocol = header.rtm_protocol,
        .scope = header.rtm_scope,
        .metric = attributes.u32(RTA_PRIORITY).value_or(0),
        .mtu = metrics.u32(RTAX_MTU).value_or(0),
        .advertised_mss = metrics.u32(RTAX_ADVMSS).value_or(0),
    };
}

Result<std::vector<Route>> Routes::dump(const Filter& filter) {
    const auto family = static_cast<std::uint8_t>(filter.family ? af(*filter.family) : AF_UNSPEC);
    Message message(RTM_GETROUTE, 0,
                    rtmsg{.rtm_family = family, .rtm_protocol = filter.protocol, .rtm_type = filter.type});
    if (filter.table != 0) message.u32(RTA_TABLE, filter.table);
    auto routes = socket_->dump(std::move(message), "list routes", decode_route);
    // A table is created with its first route.
    if (!routes && filter.table != 0 && routes.error().code == ENOENT) return {};
    return routes;
}

Request Routes::addition(const Route& route) {
    return {route_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route), "add route", route.destination.to_string()};
}

Request Routes::removal(const Route& route) {
    return {route_message(RTM_DELROUTE, 0, route), "remove route", route.destination.to_string()};
}

Result<> Routes::replace(const Route& route) {
    return socket_->request(route_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route), "replace route",
                            route.destination.to_string());
}

std::optional<FoundRoute> decode_found_route(Bytes message) {
    auto route = decode_route(message);
    if (!route) return std::nullopt;
    const auto parsed = parse<rtmsg>(message);
    const auto& [envelope, header, attributes] = *parsed;
    // For the lookups made here, IPv6 clones a route only because of ICMP messages about the destination. IPv4 marks
    // routes from redirects (RTCF_REDIRECTED of linux/in_route.h), and gives the expiry of a path MTU.
    if (header.rtm_family == AF_INET6)
        return FoundRoute{.route = *std::move(route), .was_told = (header.rtm_flags & RTM_F_CLONED) != 0};
    constexpr unsigned redirected = 0x00040000;
    rta_cacheinfo cache{};
    if (const auto found = attributes.find(RTA_CACHEINFO); found && found->size() >= sizeof cache)
        std::memcpy(&cache, found->data(), sizeof cache);
    return FoundRoute{.route = *std::move(route),
                      .was_told = (header.rtm_flags & redirected) != 0 || cache.rta_expires != 0};
}

Route as_in_table(Route found, const Route& entry) {
    found.mtu = entry.mtu;
    found.protocol = entry.protocol;
    if (found.hops.empty() || entry.hops.empty()) return found;
    NextHop& hop = found.hops.front();
    const auto is_same = [&](const NextHop& one) { return one.link == hop.link && one.gateway == hop.gateway; };
    if (std::ranges::any_of(entry.hops, is_same)) return found;
    // A redirect's gateway is on the same link as the sender of the redirect.
    const auto by_link = std::ranges::find(entry.hops, hop.link, &NextHop::link);
    hop = by_link != entry.hops.end() ? *by_link : entry.hops.front();
    return found;
}

Result<Route> Routes::ask(const Lookup& packet, std::uint32_t flags) {
    const std::string operation = "look up route to";
    const std::string object = packet.destination.to_string();
    // IPv6 refuses the flag, and reports the table without it.
    if (packet.destination.is_v4()) flags |= RTM_F_LOOKUP_TABLE;
    Message message(RTM_GETROUTE, 0,
                    rtmsg{.rtm_family = static_cast<std::uint8_t>(af(packet.destination.family())),
                          .rtm_dst_len = packet.destination.bits(),
                          .rtm_src_len = packet.source ? packet.source->bits() : std::uint8_t{0},
                          .rtm_flags = flags});
    message.address(RTA_DST, packet.destination);
    if (packet.source) message.address(RTA_SRC, *packet.source);
    if (packet.mark != 0) message.u32(RTA_MARK, packet.mark);
    if (packet.link != 0) message.u32(RTA_OIF, packet.link);
    if (packet.user) message.u32(RTA_UID, *packet.user);
    if (packet.ip_protocol != 0) message.u8(RTA_IP_PROTO, packet.ip_protocol);
    if (packet.source_port != 0) message.be16(RTA_SPORT, packet.source_port);
    const bool by_tables = packet.by_tables && (flags & RTM_F_FIB_MATCH) == 0;
    TRY(FoundRoute found, socket_->query(std::move(message), operation, object, decode_found_route));
    // IPv4 answers with an error, IPv6 with the route that forbids.
    if (forbids(found.route.type)) return failure(operation, object, EHOSTUNREACH);
    if (!by_tables || !found.was_told) return std::move(found.route);
    TRY(const Route entry, ask(packet, RTM_F_FIB_MATCH));
    return as_in_table(std::move(found.route), entry);
}

Result<Route> Routes::lookup(const Lookup& packet) { return ask(packet, 0); }

}  // namespace culvert::netlink
