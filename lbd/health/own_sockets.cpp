// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/own_sockets.hpp"

#include <bpf/bpf.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "lbd/health/probe_address.hpp"
#include "lbd/health/probe_device.hpp"
#include "lbd/model/endpoint.hpp"

namespace culvert::lbd {
namespace {

using netlink::failure;
using netlink::Result;

constexpr std::uint32_t first_port = 1024;  // needs no privilege
constexpr std::uint32_t ports = 65536 - first_port;
/// A port may be in use by a socket that is bound to all addresses.
constexpr int most_tries = 16;

std::uint32_t random32() {
    std::uint32_t number = 0;
    (void)!::getrandom(&number, sizeof number, 0);
    return number;
}

Result<> bind_somewhere(int socket, netlink::Family family) {
    for (int tried = 0; tried < most_tries; ++tried) {
        const Endpoint from{own_source(family, random32()),
                            static_cast<std::uint16_t>(first_port + random32() % ports)};
        const auto [address, size] = from.to_sockaddr();
        if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), size) == 0) return {};
        if (errno != EADDRINUSE) return failure("send a check from", from.to_string(), errno);
    }
    return failure("find a port for", "a check", EADDRINUSE, {}, "ss -tuanp lists the sockets that use them");
}

}  // namespace

Result<> OwnSockets::admit(int socket, netlink::Family family) const {
    const std::string device(probe_device_name);
    if (::setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, device.data(), static_cast<socklen_t>(device.size())) < 0)
        return failure("send a check through", device, errno);
    const int on = 1;
    // IPv6 has these addresses only by a route, and bind() needs this option for them.
    if (family == netlink::Family::ipv6 && ::setsockopt(socket, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on) < 0)
        return failure("set IPV6_FREEBIND of", "a check's socket", errno);
    CHECK_OK(bind_somewhere(socket, family));
    std::uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    const std::uint8_t known = 1;
    if (::getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) < 0 ||
        ::bpf_map_update_elem(cookies_, &cookie, &known, BPF_ANY) < 0)
        return failure("register", "a check's socket", errno);
    return {};
}

}  // namespace culvert::lbd
