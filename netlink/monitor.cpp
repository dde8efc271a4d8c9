// SPDX-License-Identifier: Apache-2.0
#include "netlink/monitor.hpp"

#include <linux/rtnetlink.h>

namespace culvert::netlink {

namespace {

std::vector<int> groups_of(Topic topic) {
    switch (topic) {
        case Topic::links:
            return {RTNLGRP_LINK};
        case Topic::addresses:
            return {RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR};
        case Topic::routes:
            return {RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE};
        case Topic::next_hops:
            return {RTNLGRP_NEXTHOP};
        case Topic::neighbours:
            return {RTNLGRP_NEIGH};
        case Topic::rules:
            return {RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE};
        case Topic::device_confs:
            return {RTNLGRP_IPV4_NETCONF};
    }
    return {};
}

template <typename T>
std::optional<Event> changed(std::optional<T> value, bool removed) {
    if (!value) return std::nullopt;
    return Changed<T>{std::move(*value), removed};
}

}  // namespace

std::optional<Event> decode_event(Bytes message) {
    const auto header = read<nlmsghdr>(message);
    if (!header) return std::nullopt;
    const auto type = header->nlmsg_type;
    switch (type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
            return changed(decode_link(message), type == RTM_DELLINK);
        case RTM_NEWADDR:
        case RTM_DELADDR:
            return changed(decode_interface_address(message), type == RTM_DELADDR);
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
            return changed(decode_route(message), type == RTM_DELROUTE);
        case RTM_NEWNEXTHOP:
        case RTM_DELNEXTHOP:
            return NextHopsChanged{};
        case RTM_NEWNEIGH:
        case RTM_DELNEIGH:
            return changed(decode_neighbour(message), type == RTM_DELNEIGH);
        case RTM_NEWRULE:
        case RTM_DELRULE:
            return changed(decode_rule(message), type == RTM_DELRULE);
        case RTM_NEWNETCONF:
            return changed(decode_device_conf(message), false);
        default:
            return std::nullopt;
    }
}

Result<Monitor> Monitor::open(std::initializer_list<Topic> topics) {
    std::vector<int> groups;
    for (const Topic topic : topics)
        for (const int group : groups_of(topic)) groups.push_back(group);
    TRY(EventSocket socket, EventSocket::open(NETLINK_ROUTE, groups));
    return Monitor(std::move(socket));
}

Result<std::vector<Event>> Monitor::read() {
    std::vector<Event> events;
    TRY(const int overruns, socket_.read([&](const RawMessage& message) {
        if (auto event = decode_event(message.bytes)) events.push_back(std::move(*event));
    }));
    if (overruns > 0) events.emplace_back(Overrun{});
    return events;
}

}  // namespace culvert::netlink
