// SPDX-License-Identifier: Apache-2.0
#include "netlink/datagram.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace culvert::netlink {

void set_receive_buffer(int fd, int bytes) {
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

tl::expected<Bytes, int> receive(int fd, std::span<std::byte> buffer) {
    for (;;) {
        sockaddr_nl sender{};
        iovec vector{buffer.data(), buffer.size()};
        msghdr message{.msg_name = &sender, .msg_namelen = sizeof sender, .msg_iov = &vector, .msg_iovlen = 1};
        const ssize_t size = recvmsg(fd, &message, MSG_TRUNC);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return tl::unexpected(errno);
        if (sender.nl_pid != 0) continue;
        if ((message.msg_flags & MSG_TRUNC) != 0) return tl::unexpected(EMSGSIZE);
        return buffer.first(static_cast<std::size_t>(size));
    }
}

std::vector<RawMessage> split(Bytes datagram) {
    std::vector<RawMessage> messages;
    for (;;) {
        const auto header = read<nlmsghdr>(datagram);
        if (!header || header->nlmsg_len < NLMSG_HDRLEN || header->nlmsg_len > datagram.size()) return messages;
        messages.push_back({*header, datagram.first(header->nlmsg_len)});
        datagram = datagram.subspan(std::min<std::size_t>(NLMSG_ALIGN(header->nlmsg_len), datagram.size()));
    }
}

}  // namespace culvert::netlink
