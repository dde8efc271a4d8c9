// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netlink/address.hpp"
#include "netlink/attributes.hpp"
#include "netlink/result.hpp"
#include "netlink/socket.hpp"

namespace culvert::netlink {

/// Ports first to last, host order.
struct PortRange {
    std::uint16_t first = 0;
    std::uint16_t last = 0;

    bool operator==(const PortRange&) const = default;
};

/// User ids first to last.
struct UserRange {
    std::uint32_t first = 0;
    std::uint32_t last = 0;

    bool operator==(const UserRange&) const = default;
};

/// A policy routing rule (`ip rule`). A packet that matches all given members is looked up in `table`.
struct Rule {
    Family family = Family::ipv4;
    std::uint32_t priority = 0;  ///< lower ones come first; every namespace has 0 (local) and 32766 (main)
    std::uint32_t table = 0;
    std::uint8_t action = 1;  ///< FR_ACT_* of linux/fib_rules.h; 1: look up the table
    std::optional<Prefix> source;
    std::optional<Prefix> destination;
    std::string input;       ///< name of the link of arrival; empty: any
    std::string output;      ///< name of the link that a local socket is bound to; empty: any
    std::uint32_t mark = 0;  ///< compared under `mask`
    std::uint32_t mask = 0;  ///< 0: any mark
    std::uint8_t ip_protocol = 0;
    std::optional<PortRange> source_ports;
    std::optional<PortRange> destination_ports;
    std::optional<UserRange> users;  ///< users of the sending sockets
    /// Continue with the next rule if the route's prefix length is not greater than this (0: skip the default route).
    std::optional<std::uint32_t> suppress_prefix_length;
    bool invert = false;
    std::uint8_t protocol = 0;  ///< RTPROT_*: who added it

    bool operator==(const Rule&) const = default;
};

/// From one RTM_NEWRULE or RTM_DELRULE message; nothing if it is malformed or neither IPv4 nor IPv6.
[[nodiscard]] std::optional<Rule> decode_rule(Bytes message);

/// The rules of the namespace that `route` (NETLINK_ROUTE, must outlive this) was opened in.
class Rules {
  public:
    explicit Rules(Socket& route) : socket_(&route) {}

    [[nodiscard]] Result<std::vector<Rule>> dump();

  private:
    Socket* socket_;
};

}  // namespace culvert::netlink
