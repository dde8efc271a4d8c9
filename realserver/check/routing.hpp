// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "netlink/address.hpp"
#include "netlink/route.hpp"
#include "netlink/rule.hpp"

/// Finds out why the kernel refuses to route an answer: the kernel itself only reports that it does.
namespace culvert::realserver {

struct Routing {
    std::vector<netlink::Rule> rules;    ///< sorted by priority
    std::vector<netlink::Route> routes;  ///< of all tables
    bool operator==(const Routing&) const = default;
};

/// The fields that select an answer's route. It has input device lo, as this host sends it.
struct AnswerPacket {
    netlink::Prefix vip;             ///< its source
    netlink::IpAddress destination;  ///< a client
    std::uint32_t user = 0;          ///< user id of the service
    std::uint8_t ip_protocol = 0;    ///< 0: unknown
    std::uint16_t source_port = 0;   ///< host order; 0: unknown
    std::uint32_t mark = 0;
};

struct Refusal {
    std::vector<std::string> reasons;   ///< rules and routes that refuse it, or what is missing
    std::vector<std::string> commands;  ///< that make the kernel route it
    bool curable = false;               ///< false: no table of this host has a route
};

/// Follows rules and tables as the kernel does (net/core/fib_rules.c). It removes what refuses the answer, or adds the
/// missing rule, until the answer has a route.
[[nodiscard]] Refusal why_refused(Routing routing, const AnswerPacket& answer);

/// The destinations of unicast routes by a gateway, in all tables, without default routes.
[[nodiscard]] std::vector<netlink::Prefix> routed_networks(const Routing& routing, netlink::Family family);
/// The destinations of routes that refuse packets to the Internet: without private networks (RFC 1918, 6598, 4193 …).
[[nodiscard]] std::vector<netlink::Prefix> refused_networks(const Routing& routing, netlink::Family family);
[[nodiscard]] bool has_default_route(const Routing& routing, netlink::Family family);

}  // namespace culvert::realserver
