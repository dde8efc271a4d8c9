// SPDX-License-Identifier: Apache-2.0
#include "netlink/ip6tnl.hpp"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

// These headers must follow the C library's: they then leave out what those define.
#include <linux/if_tunnel.h>
#include <linux/ip6_tunnel.h>

namespace culvert::netlink {

namespace {

Result<> tunnel_ioctl(unsigned long request, const std::string& operation, const std::string& device,
                      ip6_tnl_parm& parameters) {
    ifreq interface {};
    if (device.size() >= sizeof interface.ifr_name) return failure(operation, device, ENODEV);
    device.copy(interface.ifr_name, sizeof interface.ifr_name - 1);
    interface.ifr_data = reinterpret_cast<char*>(&parameters);
    const int socket = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return failure(operation, device, errno);
    const int code = ioctl(socket, request, &interface) == 0 ? 0 : errno;
    close(socket);
    if (code != 0) return failure(operation, device, code);
    return {};
}

/// The kernel searches for a tunnel with the addresses of the request before it uses the device of this name
/// (net/ipv6/ip6_tunnel.c, ip6_tnl_siocdevprivate). An `external` device has no addresses, like ip6tnl0, and would be
/// found instead. So these are addresses that no tunnel has (RFC 6666).
void set_ends_of_none(ip6_tnl_parm& parameters) {
    for (in6_addr* end : {&parameters.laddr, &parameters.raddr}) {
        *end = {};
        end->s6_addr[0] = end->s6_addr[15] = 1;
    }
}

}  // namespace

Result<> set_ip6tnl_mode(const std::string& device, TunnelInner mode) {
    const std::string operation = "set mode of ip6tnl";
    ip6_tnl_parm parameters{};
    set_ends_of_none(parameters);
    CHECK_OK(tunnel_ioctl(SIOCGETTUNNEL, operation, device, parameters));
    set_ends_of_none(parameters);
    parameters.proto = static_cast<std::uint8_t>(mode);
    return tunnel_ioctl(SIOCCHGTUNNEL, operation, device, parameters);
}

}  // namespace culvert::netlink
