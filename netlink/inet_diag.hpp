// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "netlink/address.hpp"
#include "netlink/attributes.hpp"
#include "netlink/result.hpp"
#include "netlink/socket.hpp"

namespace culvert::netlink {

/// A socket that receives packets from any address: a listening TCP socket, or a bound, unconnected UDP socket.
struct BoundSocket {
    Family family = Family::ipv4;  ///< of the socket: IPv6 may receive IPv4 too
    std::uint8_t protocol = 0;     ///< IPPROTO_TCP, IPPROTO_UDP
    IpAddress address;             ///< 0.0.0.0 or ::: any
    std::uint16_t port = 0;        ///< host order
    std::uint32_t link = 0;        ///< index of the device it is bound to; 0: none
    bool only_ipv6 = false;        ///< IPV6_V6ONLY
    std::uint32_t user = 0;        ///< id of its user
    std::uint32_t inode = 0;       ///< as in /proc/<pid>/fd: "socket:[<inode>]"

    bool operator==(const BoundSocket&) const = default;

    /// Whether it receives packets to `destination` and its port, on any device.
    [[nodiscard]] bool takes(const IpAddress& destination) const;
};

/// From one SOCK_DIAG_BY_FAMILY reply for `protocol`; nothing if it is malformed.
[[nodiscard]] std::optional<BoundSocket> decode_bound_socket(Bytes message, std::uint8_t protocol);

/// The sockets of the namespace that `diag` (NETLINK_SOCK_DIAG) was opened in. ENOENT if the kernel doesn't support it;
/// the error names the module.
[[nodiscard]] Result<std::vector<BoundSocket>> bound_sockets(Socket& diag);

}  // namespace culvert::netlink
