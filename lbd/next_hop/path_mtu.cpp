// SPDX-License-Identifier: Apache-2.0
#include "lbd/next_hop/path_mtu.hpp"

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>

namespace culvert::lbd {

using common::Fd;
using netlink::failure;
using netlink::IpAddress;
using netlink::Result;

namespace {

constexpr std::array outer_protocols{IPPROTO_IPIP, IPPROTO_IPV6, IPPROTO_GRE, IPPROTO_UDP};
/// So that a flood of errors lets the rest of an event loop live.
constexpr int errors_per_read = 256;

Result<Fd> open_socket(int family, int protocol) {
    const char* object = family == AF_INET ? "IPv4" : "IPv6";
    Fd socket(::socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
    if (!socket.is_open())
        return failure("open raw socket", object, errno, {}, errno == EPERM ? "run with CAP_NET_RAW" : "");
    sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    const sock_fprog filter{.len = 1, .filter = &nothing};
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) < 0)
        return failure("filter raw socket", object, errno);
    const int on = 1;
    const int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
    if (::setsockopt(socket.get(), level, family == AF_INET ? IP_RECVERR : IPV6_RECVERR, &on, sizeof on) < 0)
        return failure("ask for errors of raw socket", object, errno);
    return socket;
}

std::optional<IpAddress> address_in(const sockaddr_storage& name) {
    const auto bytes_of = [](const auto& address) {
        return IpAddress::from_bytes({reinterpret_cast<const std::uint8_t*>(&address), sizeof address});
    };
    if (name.ss_family == AF_INET) return bytes_of(reinterpret_cast<const sockaddr_in&>(name).sin_addr);
    if (name.ss_family == AF_INET6) return bytes_of(reinterpret_cast<const sockaddr_in6&>(name).sin6_addr);
    return std::nullopt;
}

bool says_too_big(msghdr& message) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
        const bool is_error = (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) ||
                              (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR);
        sock_extended_err error{};
        if (!is_error || part->cmsg_len < CMSG_LEN(sizeof error)) continue;
        std::memcpy(&error, CMSG_DATA(part), sizeof error);
        return error.ee_errno == EMSGSIZE;
    }
    return false;
}

/// Where the packets went that the errors of a socket are about.
void read_errors(const Fd& socket, std::vector<IpAddress>& too_big) {
    for (int i = 0; i < errors_per_read; ++i) {
        sockaddr_storage name{};
        std::array<char, 512> control{};
        msghdr message{};
        message.msg_name = &name;
        message.msg_namelen = sizeof name;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        if (::recvmsg(socket.get(), &message, MSG_ERRQUEUE) < 0) break;
        if (!says_too_big(message)) continue;
        if (const auto address = address_in(name)) too_big.push_back(*address);
    }
    // An error that found no room in the queue is left here, and would be told again and again.
    int pending = 0;
    socklen_t length = sizeof pending;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &pending, &length);
}

}  // namespace

Result<PathMtuSockets> PathMtuSockets::open() {
    Fd poll(::epoll_create1(EPOLL_CLOEXEC));
    if (!poll.is_open()) return failure("open", "epoll", errno);
    PathMtuSockets result(std::move(poll));
    for (const int family : {AF_INET, AF_INET6}) {
        for (const int protocol : outer_protocols) {
            TRY(Fd socket, open_socket(family, protocol));
            epoll_event errors_alone{};
            if (::epoll_ctl(result.poll_.get(), EPOLL_CTL_ADD, socket.get(), &errors_alone) < 0)
                return failure("watch", "raw socket", errno);
            result.sockets_.push_back(std::move(socket));
        }
    }
    return result;
}

std::vector<IpAddress> PathMtuSockets::read() {
    std::vector<IpAddress> too_big;
    for (const Fd& socket : sockets_) read_errors(socket, too_big);
    return too_big;
}

}  // namespace culvert::lbd
