// SPDX-License-Identifier: Apache-2.0
#include "netlink/next_hops.hpp"

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <utility>

namespace culvert::netlink {

namespace {

struct Object {
    std::uint32_t id = 0;
    NextHop hop;
    std::vector<nexthop_grp> group;  ///< else
};

std::optional<Object> decode_object(Bytes message) {
    const auto parsed = parse<nhmsg>(message);
    if (!parsed || parsed->message.nlmsg_type != RTM_NEWNEXTHOP) return std::nullopt;
    const Attributes& attributes = parsed->attributes;
    Object object{.id = attributes.u32(NHA_ID).value_or(0),
                  .hop = {.gateway = attributes.address(NHA_GATEWAY), .link = attributes.u32(NHA_OIF).value_or(0)},
                  .group = {}};
    Bytes members = attributes.find(NHA_GROUP).value_or(Bytes{});
    for (; const auto member = read<nexthop_grp>(members); members = members.subspan(sizeof(nexthop_grp)))
        object.group.push_back(*member);
    return object;
}

/// A route as in its table. If net.ipv4.nexthop_compat_mode is 0, it has only the id of its next hop object.
struct Entry {
    Route route;
    std::uint32_t object = 0;
};

std::optional<Entry> decode_entry(Bytes message) {
    auto route = decode_route(message);
    if (!route) return std::nullopt;
    return Entry{*std::move(route), parse<rtmsg>(message)->attributes.u32(RTA_NH_ID).value_or(0)};
}

}  // namespace

Result<NextHopObjects> next_hop_objects(Socket& route) {
    auto objects = route.dump(Message(RTM_GETNEXTHOP, 0, nhmsg{}), "list next hops", decode_object);
    if (!objects && objects.error().code == EOPNOTSUPP) return {};
    if (!objects) return tl::unexpected(std::move(objects).error());
    NextHopObjects result;
    for (const Object& object : *objects)
        if (object.group.empty()) result[object.id] = {object.hop};
    for (const Object& object : *objects)
        for (const nexthop_grp& member : object.group)
            if (const auto single = result.find(member.id); single != result.end())
                result[object.id].push_back(single->second.front());
    return result;
}

Result<Route> whole_route(Socket& route, const Routes::Lookup& packet) {
    TRY(Route chosen, Routes(route).lookup(packet));  // an error if it is forbidden
    Message message(RTM_GETROUTE, 0,
                    rtmsg{.rtm_family = static_cast<std::uint8_t>(af(packet.destination.family())),
                          .rtm_dst_len = packet.destination.bits(),
                          .rtm_src_len = packet.source ? packet.source->bits() : std::uint8_t{0},
                          .rtm_flags = RTM_F_FIB_MATCH});
    message.address(RTA_DST, packet.destination);
    if (packet.source) message.address(RTA_SRC, *packet.source);
    if (packet.mark != 0) message.u32(RTA_MARK, packet.mark);
    auto entry = route.query(std::move(message), "look up route to", packet.destination.to_string(), decode_entry);
    if (!entry) return chosen;
    if (entry->object != 0) {
        TRY(const NextHopObjects objects, next_hop_objects(route));
        if (const auto hops = objects.find(entry->object); hops != objects.end()) entry->route.hops = hops->second;
    }
    if (entry->route.hops.empty()) entry->route.hops = std::move(chosen.hops);
    return std::move(entry->route);
}

}  // namespace culvert::netlink
