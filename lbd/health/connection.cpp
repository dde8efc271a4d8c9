// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/connection.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cctype>
#include <cerrno>
#include <cstring>

#include "lbd/model/endpoint.hpp"

namespace culvert::lbd {
namespace {

using common::Fd;
using netlink::failure;
using netlink::IpAddress;
using netlink::Result;

Result<Fd> connect_socket(const OwnSockets& own, int type, int protocol, const IpAddress& address, std::uint16_t port) {
    const auto [to, size] = Endpoint{address, port}.to_sockaddr();
    Fd socket(::socket(to.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
    if (!socket.is_open()) return failure("open", "socket", errno);
    if (type == SOCK_STREAM) {
        const linger reset{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    CHECK_OK(own.admit(socket.get(), address.family()));
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), size) < 0 && errno != EINPROGRESS)
        return failure("connect to", address.to_string(), errno);
    return socket;
}

}  // namespace

Result<Fd> connect_to(const OwnSockets& own, int type, const IpAddress& address, std::uint16_t port) {
    return connect_socket(own, type, 0, address, port);
}

Result<Fd> connect_raw(const OwnSockets& own, int protocol, const IpAddress& address) {
    return connect_socket(own, SOCK_RAW, protocol, address, 0);
}

IpAddress source_of(int socket) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
    if (address.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address).sin_addr;
        return *IpAddress::from_bytes({reinterpret_cast<const std::uint8_t*>(&v4), sizeof v4});
    }
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    return *IpAddress::from_bytes({reinterpret_cast<const std::uint8_t*>(&v6), sizeof v6});
}

std::string connection_error(int socket) {
    int code = 0;
    socklen_t size = sizeof code;
    ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size);
    return code == 0 ? std::string() : error_text(code);
}

std::string error_text(int code) {
    std::string text = ::strerror(code);  // NOLINT(concurrency-mt-unsafe): one thread
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
    return text;
}

}  // namespace culvert::lbd
