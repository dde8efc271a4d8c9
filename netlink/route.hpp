// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/rtnetlink.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "netlink/address.hpp"
#include "netlink/attributes.hpp"
#include "netlink/result.hpp"
#include "netlink/socket.hpp"

namespace culvert::netlink {

/// One next hop.
struct NextHop {
    std::optional<IpAddress> gateway;  ///< none: on the link. An IPv4 route may have an IPv6 gateway
    std::uint32_t link = 0;            ///< index; 0: none (a blackhole), or the kernel derives it from the gateway
    std::uint16_t weight = 1;          ///< 1 to 256
    std::uint8_t flags = 0;            ///< RTNH_F_*: RTNH_F_ONLINK is a request, RTNH_F_LINKDOWN a report

    bool operator==(const NextHop&) const = default;
};

struct Route {
    Prefix destination;                      ///< of length 0: the default route
    std::vector<NextHop> hops;               ///< empty only if `type` forwards nothing (a blackhole)
    std::optional<IpAddress> source;         ///< preferred source address
    std::uint32_t table = RT_TABLE_MAIN;     ///< RT_TABLE_* or any number
    std::uint8_t type = RTN_UNICAST;         ///< RTN_*
    std::uint8_t protocol = RTPROT_STATIC;   ///< RTPROT_*: who added it
    std::uint8_t scope = RT_SCOPE_UNIVERSE;  ///< RT_SCOPE_*; IPv6 has none
    std::uint32_t metric = 0;                ///< IPv6: 0 becomes 1024
    std::uint32_t mtu = 0;                   ///< bytes; 0: the link's
    std::uint32_t advertised_mss = 0;        ///< bytes; 0: derived from the MTU

    bool operator==(const Route&) const = default;
};

/// From one RTM_NEWROUTE or RTM_DELROUTE message; nothing if it is malformed or neither IPv4 nor IPv6.
[[nodiscard]] std::optional<Route> decode_route(Bytes message);

/// The routes of the namespace that `route` (NETLINK_ROUTE, must outlive this) was opened in.
class Routes {
  public:
    explicit Routes(Socket& route) : socket_(&route) {}

    struct Filter {
        std::optional<Family> family;
        std::uint32_t table = 0;    ///< 0: all
        std::uint8_t protocol = 0;  ///< 0: all
        std::uint8_t type = 0;      ///< 0: all
    };
    [[nodiscard]] Result<std::vector<Route>> dump(const Filter& filter);
    [[nodiscard]] Result<std::vector<Route>> dump() { return dump(Filter{}); }
    [[nodiscard]] Result<> replace(const Route& route);
    /// EEXIST if the table has one with this destination and metric (and for IPv4, TOS).
    [[nodiscard]] static Request addition(const Route& route);
    /// ESRCH if there is none.
    [[nodiscard]] static Request removal(const Route& route);

    struct Lookup {
        IpAddress destination;
        std::optional<IpAddress> source;
        std::uint32_t mark = 0;
        std::uint32_t link = 0;             ///< index of the link it must leave through; 0: any
        std::optional<std::uint32_t> user;  ///< user of the sending socket; none: the caller
        std::uint8_t ip_protocol = 0;       ///< 0: rules with a protocol don't match
        std::uint16_t source_port = 0;      ///< host order; with `ip_protocol`
        /// Ignores what the kernel has stored from ICMP messages:
        /// redirects and path MTUs, which anybody can forge.
        bool by_tables = false;
    };
    /// The route for a packet from this host, with one hop. ENETUNREACH if there is none. A route that forbids
    /// (blackhole, unreachable, prohibit) fails with the error that senders get.
    [[nodiscard]] Result<Route> lookup(const Lookup& packet);

  private:
    [[nodiscard]] Result<Route> ask(const Lookup& packet, std::uint32_t flags);

    Socket* socket_;
};

/// The kernel's answer to a lookup: the route, and whether ICMP has influenced it.
struct FoundRoute {
    Route route;
    bool was_told = false;
};
[[nodiscard]] std::optional<FoundRoute> decode_found_route(Bytes message);

/// Undoes the changes of ICMP in a lookup's answer, by the
/// table entry that it came from, which may have several hops.
[[nodiscard]] Route as_in_table(Route found, const Route& entry);

}  // namespace culvert::netlink
