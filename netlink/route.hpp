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

/// One way out.
struct NextHop {
    std::optional<IpAddress> gateway;  ///< none: the destination is on the link. IPv6 is possible for an IPv4 route.
    std::uint32_t link = 0;            ///< index; 0: none (a blackhole), or for the kernel to find from the gateway
    std::uint16_t weight = 1;          ///< 1 to 256
    std::uint8_t flags = 0;            ///< RTNH_F_*: RTNH_F_ONLINK is a request, RTNH_F_LINKDOWN a report

    bool operator==(const NextHop&) const = default;
};

struct Route {
    Prefix destination;                      ///< of length 0: the default route
    std::vector<NextHop> hops;               ///< empty only where `type` forwards nothing (a blackhole)
    std::optional<IpAddress> source;         ///< preferred source address
    std::uint32_t table = RT_TABLE_MAIN;     ///< RT_TABLE_* or any number
    std::uint8_t type = RTN_UNICAST;         ///< RTN_*
    std::uint8_t protocol = RTPROT_STATIC;   ///< RTPROT_*: who made it
    std::uint8_t scope = RT_SCOPE_UNIVERSE;  ///< RT_SCOPE_*; IPv6 has none
    std::uint32_t metric = 0;                ///< IPv6: 0 becomes 1024
    std::uint32_t mtu = 0;                   ///< bytes; 0: the link's
    std::uint32_t advertised_mss = 0;        ///< bytes; 0: from the MTU

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
        std::uint32_t table = 0;  ///< 0: all
    };
    [[nodiscard]] Result<std::vector<Route>> dump(const Filter& filter);
    [[nodiscard]] Result<std::vector<Route>> dump() { return dump(Filter{}); }
    /// EEXIST if there is one with this destination, metric (and for IPv4, TOS) in the table.
    [[nodiscard]] Result<> add(const Route& route);
    [[nodiscard]] Result<> replace(const Route& route);
    /// ESRCH if there is none.
    [[nodiscard]] Result<> remove(const Route& route);
    /// What add() and remove() send, for sending many at once.
    [[nodiscard]] static Request addition(const Route& route);
    [[nodiscard]] static Request removal(const Route& route);

    struct Lookup {
        IpAddress destination;
        std::optional<IpAddress> source;
        std::uint32_t mark = 0;
        std::uint32_t link = 0;             ///< index of the link it must leave by; 0: any
        std::optional<std::uint32_t> user;  ///< whose socket sends it; none: the caller's
        std::uint8_t ip_protocol = 0;       ///< 0: rules that ask for one do not match
        std::uint16_t source_port = 0;      ///< host order; with `ip_protocol`
        /// By the tables alone, without what ICMP messages have had the kernel remember: redirects and path MTUs, which
        /// anybody can forge.
        bool by_tables = false;
    };
    /// The route that a packet of this host would take, with one hop. ENETUNREACH if there is none; a route that
    /// forbids (blackhole, unreachable, prohibit) fails with the error that it gives to senders.
    [[nodiscard]] Result<Route> lookup(const Lookup& packet);

  private:
    [[nodiscard]] Result<Route> ask(const Lookup& packet, std::uint32_t flags);

    Socket* socket_;
};

/// What the kernel answers to a lookup: the route, and whether ICMP has had a part in it.
struct FoundRoute {
    Route route;
    bool was_told = false;
};
[[nodiscard]] std::optional<FoundRoute> decode_found_route(Bytes message);

/// A lookup's answer with what ICMP has changed taken back by the entry of the table that it came from, which may have
/// several hops.
[[nodiscard]] Route as_in_table(Route found, const Route& entry);

}  // namespace culvert::netlink
