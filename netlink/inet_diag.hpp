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

/// A socket of a process that takes packets from anybody: TCP that listens, UDP that is bound and not connected.
struct BoundSocket {
    Family family = Family::ipv4;  ///< of the socket: one of IPv6 may take IPv4 too
    std::uint8_t protocol = 0;     ///< IPPROTO_TCP, IPPROTO_UDP
    IpAddress address;             ///< 0.0.0.0 or ::: all
    std::uint16_t port = 0;        ///< host order
    std::uint32_t link = 0;        ///< index of the device it is bound to; 0: none
    bool only_ipv6 = false;        ///< IPV6_V6ONLY
    std::uint32_t user = 0;        ///< id of its owner
    std::uint32_t inode = 0;       ///< as in /proc/<pid>/fd: "socket:[<inode>]"

    bool operator==(const BoundSocket&) const = default;

    /// Packets to `destination` and its port come here, whatever the device.
    [[nodiscard]] bool takes(const IpAddress& destination) const;
};

/// From one SOCK_DIAG_BY_FAMILY message that answers for `protocol`; nothing if it is malformed.
[[nodiscard]] std::optional<BoundSocket> decode_bound_socket(Bytes message, std::uint8_t protocol);

/// The sockets of the namespace that `diag` (NETLINK_SOCK_DIAG) was opened in. ENOENT if the kernel can't tell; the
/// error names the module.
[[nodiscard]] Result<std::vector<BoundSocket>> bound_sockets(Socket& diag);

}  // namespace culvert::netlink
