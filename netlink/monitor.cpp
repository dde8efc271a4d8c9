// SPDX-License-Identifier: Apache-2.0
#include "netlink/monitor.hpp"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "netlink/datagram.hpp"

namespace culvert::netlink {

namespace {

constexpr int receive_buffer = 8 * 1024 * 1024;
/// So that a flood of changes lets the rest of an event loop live.
constexpr int datagrams_per_read = 256;

std::vector<int> groups_of(Topic topic) {
    switch (topic) {
        case Topic::links:
            return {RTNLGRP_LINK};
        case Topic::addresses:
            return {RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR};
        case Topic::routes:
            return {RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE};
        case Topic::neighbours:
            return {RTNLGRP_NEIGH};
        case Topic::rules:
            return {RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE};
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
        case RTM_NEWNEIGH:
        case RTM_DELNEIGH:
            return changed(decode_neighbour(message), type == RTM_DELNEIGH);
        case RTM_NEWRULE:
        case RTM_DELRULE:
            return changed(decode_rule(message), type == RTM_DELRULE);
        default:
            return std::nullopt;
    }
}

Monitor::Monitor(Handle<nl_sock, nl_socket_free> socket) : socket_(std::move(socket)), buffer_(max_datagram) {}

Result<Monitor> Monitor::open(std::initializer_list<Topic> topics) {
    const std::string operation = "open netlink socket";
    Handle<nl_sock, nl_socket_free> socket(nl_socket_alloc());
    if (!socket || nl_connect(socket.get(), NETLINK_ROUTE) < 0) return failure(operation, "route", errno);
    const int fd = nl_socket_get_fd(socket.get());
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) return failure(operation, "route", errno);
    set_receive_buffer(fd, receive_buffer);
    for (const Topic topic : topics)
        for (const int group : groups_of(topic))
            if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
                return failure("follow netlink group", std::to_string(group), errno);
    return Monitor(std::move(socket));
}

int Monitor::fd() const { return nl_socket_get_fd(socket_.get()); }

Result<std::vector<Event>> Monitor::read() {
    std::vector<Event> events;
    for (int i = 0; i < datagrams_per_read; ++i) {
        const auto datagram = receive(fd(), buffer_);
        if (!datagram && datagram.error() == EAGAIN) break;
        if (!datagram && datagram.error() == ENOBUFS) {
            events.emplace_back(Overrun{});
            continue;
        }
        if (!datagram) return failure("read netlink events", "", datagram.error());
        for (const RawMessage& message : split(*datagram))
            if (auto event = decode_event(message.bytes)) events.push_back(std::move(*event));
    }
    return events;
}

}  // namespace culvert::netlink
