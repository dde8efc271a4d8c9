// SPDX-License-Identifier: Apache-2.0
#include "lbd/cluster/socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <span>

namespace culvert::lbd {
namespace {

using common::Fd;
using netlink::failure;
using netlink::IpAddress;
using netlink::Result;

constexpr int most_waiting = 128;  // before they are accepted
constexpr std::chrono::milliseconds longest_unacknowledged{5'000};

void set(int socket, int level, int option, int value) { ::setsockopt(socket, level, option, &value, sizeof value); }

int af(const IpAddress& address) { return address.is_v4() ? AF_INET : AF_INET6; }

/// Messages are sent at once, and a silent other end is found by the kernel, too.
void prepare(int socket) {
    set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, longest_unacknowledged.count());
}

/// An IPv4 address as a socket of both families has it is read as IPv4 (RFC 4291, 2.5.5.2).
IpAddress address_of(const sockaddr_storage& address) {
    const auto bytes = [](const auto& part) {
        return std::span(reinterpret_cast<const std::uint8_t*>(&part), sizeof part);
    };
    if (address.ss_family == AF_INET)
        return *IpAddress::from_bytes(bytes(reinterpret_cast<const sockaddr_in&>(address).sin_addr));
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&v6)) return *IpAddress::from_bytes(bytes(v6).last(sizeof(in_addr)));
    return *IpAddress::from_bytes(bytes(v6));
}

}  // namespace

Result<Fd> connecting_socket(const std::optional<IpAddress>& from, const Endpoint& to) {
    Fd socket(::socket(af(to.address), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.is_open()) return failure("open", "socket", errno);
    prepare(socket.get());
    if (from && from->family() == to.address.family()) {
        set(socket.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
        const auto [address, size] = Endpoint{*from, 0}.to_sockaddr();
        if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) < 0)
            return failure("connect from", from->to_string(), errno);
    }
    const auto [address, size] = to.to_sockaddr();
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) < 0 && errno != EINPROGRESS)
        return failure("connect to", to.to_string(), errno);
    return socket;
}

Result<Fd> listening_socket(const Endpoint& at) {
    Fd socket(::socket(af(at.address), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.is_open()) return failure("open", "socket", errno);
    set(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    set(socket.get(), IPPROTO_IP, IP_FREEBIND, 1);  // IPv6 sockets take it, too
    if (!at.address.is_v4()) set(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, at.address.is_any() ? 0 : 1);
    const auto [address, size] = at.to_sockaddr();
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) < 0 ||
        ::listen(socket.get(), most_waiting) < 0)
        return failure("listen for other balancers at", at.to_string(), errno);
    return socket;
}

Result<Fd> next_connection(int listening) {
    Fd socket(::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.is_open()) prepare(socket.get());
    const bool lacks = !socket.is_open() && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM);
    if (lacks) return failure("accept", "a connection", errno);
    return socket;
}

IpAddress local_address(int socket) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
    return address_of(address);
}

IpAddress remote_address(int socket) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    ::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size);
    return address_of(address);
}

/// The kernel sends packets to an own address from this address.
bool is_own(const IpAddress& address) {
    const Fd socket(::socket(af(address), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto [to, size] = Endpoint{address, 9}.to_sockaddr();
    return socket.is_open() && ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), size) == 0 &&
           local_address(socket.get()) == address;
}

}  // namespace culvert::lbd
