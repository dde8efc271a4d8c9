// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "netlink/address.hpp"
#include "netlink/route.hpp"
#include "netlink/rule.hpp"

/// Why the kernel refuses to route an answer, which it says itself without saying why.
namespace culvert::realserver {

struct Routing {
    std::vector<netlink::Rule> rules;    ///< by priority
    std::vector<netlink::Route> routes;  ///< of all tables
    bool operator==(const Routing&) const = default;
};

/// What an answer is looked up by. It has no mark, and is this host's own: it comes by lo.
struct AnswerPacket {
    netlink::Prefix vip;             ///< its source
    netlink::IpAddress destination;  ///< a client
    std::uint32_t user = 0;          ///< of the service
    std::uint8_t ip_protocol = 0;    ///< 0: not known
    std::uint16_t source_port = 0;   ///< host order; 0: not known
};

struct Refusal {
    std::vector<std::string> reasons;   ///< rules and routes that refuse it, or what is missing
    std::vector<std::string> commands;  ///< after which it is routed
    bool curable = false;               ///< else a route is missing that this host has in no table
};

/// Follows rules and tables as the kernel does (net/core/fib_rules.c), and takes away what refuses the answer or adds
/// the rule that is missing, until there is a way.
[[nodiscard]] Refusal why_refused(Routing routing, const AnswerPacket& answer);

/// The unicast routes by a gateway, of all tables, that have a destination of their own: no default routes.
[[nodiscard]] std::vector<netlink::Prefix> routed_networks(const Routing& routing, netlink::Family family);
/// Those that refuse, where the Internet is: none of RFC 1918, 6598, 4193 and the like.
[[nodiscard]] std::vector<netlink::Prefix> refused_networks(const Routing& routing, netlink::Family family);
[[nodiscard]] bool has_default_route(const Routing& routing, netlink::Family family);

}  // namespace culvert::realserver
