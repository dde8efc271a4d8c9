// SPDX-License-Identifier: Apache-2.0
#include "netlink/event_socket.hpp"

#include <fcntl.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <utility>

namespace culvert::netlink {

namespace {

constexpr int receive_buffer = 8 * 1024 * 1024;
/// Keeps a flood of changes from blocking the rest of an event loop.
constexpr int datagrams_per_read = 256;
/// After an overrun all queued messages are older than the
/// lost ones. They must not come after a dump made then.
constexpr int datagrams_after_overrun = 100'000;

}  // namespace

EventSocket::EventSocket(Handle<nl_sock, nl_socket_free> socket) : socket_(std::move(socket)), buffer_(max_datagram) {}

Result<EventSocket> EventSocket::open(int protocol, const std::vector<int>& groups) {
    const std::string operation = "open netlink socket";
    const std::string object = protocol == NETLINK_ROUTE ? "route" : std::to_string(protocol);
    Handle<nl_sock, nl_socket_free> socket(nl_socket_alloc());
    if (!socket || nl_connect(socket.get(), protocol) < 0) return failure(operation, object, errno);
    const int fd = nl_socket_get_fd(socket.get());
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) return failure(operation, object, errno);
    set_receive_buffer(fd, receive_buffer);
    for (const int group : groups)
        if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
            return failure("follow netlink group", std::to_string(group), errno);
    return EventSocket(std::move(socket));
}

int EventSocket::fd() const { return nl_socket_get_fd(socket_.get()); }

Result<int> EventSocket::read(const std::function<void(const RawMessage&)>& on_message) {
    int overruns = 0;
    for (int left = datagrams_per_read; left > 0; --left) {
        const auto datagram = receive(fd(), buffer_);
        if (!datagram && datagram.error() == EAGAIN) break;
        if (!datagram && datagram.error() == ENOBUFS) {
            if (overruns++ == 0) left = datagrams_after_overrun;
            continue;
        }
        if (!datagram) return failure("read netlink events", "", datagram.error());
        for (const RawMessage& message : split(*datagram)) on_message(message);
    }
    return overruns;
}

}  // namespace culvert::netlink
