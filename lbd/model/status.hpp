// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lbd/model/check_status.hpp"
#include "lbd/model/config.hpp"
#include "lbd/model/counts.hpp"
#include "lbd/model/hops.hpp"
#include "lbd/model/latency.hpp"
#include "netlink/link.hpp"
#include "netlink/neighbour.hpp"

/// What the running balancer knows at one moment, as plain values.
namespace culvert::lbd {

struct Traffic {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;      ///< of the clients' IP packets
    std::uint64_t new_flows = 0;  ///< entered into the flow table since the start
    FlowCount flows;              ///< in the table now
    bool operator==(const Traffic&) const = default;

    Traffic& operator+=(const Traffic& other);
};

/// What a router has said of the path to a backend.
struct PathMtuStatus {
    IpAddress router;
    std::uint32_t told = 0;     ///< bytes; below 1280 it isn't heeded
    std::chrono::seconds left;  ///< until it is forgotten
};

struct BackendStatus {
    Backend backend;
    double share = 0;  ///< of the service's table, 0 to 1
    Hop hop = tl::unexpected(LB_DROP_NO_ROUTE);
    std::string interface;                    ///< that the hop leaves by
    std::optional<PathMtuStatus> path_mtu;    ///< none: nobody has said that it is narrower than the link
    std::optional<std::uint16_t> ipv6_needs;  ///< the MTU that the path would have to have for IPv6 clients, but hasn't
    std::string unresolved;                   ///< why the next hop's MAC address can't become known, and the cure
    Traffic traffic;
    std::optional<CheckStatus> check;  ///< none: it isn't checked
};

struct ServiceStatus {
    std::string name;
    Vip vip;
    std::vector<PortSpec> ports;
    std::uint32_t table_size = 0;
    bool sticky = false;
    std::chrono::milliseconds idle{};
    std::vector<BackendStatus> backends;

    [[nodiscard]] Traffic traffic() const;
};

/// One on the way to a backend.
struct NeighbourStatus {
    struct Served {
        IpAddress backend;
        std::optional<std::uint16_t> mtu;  ///< of the path to it, bytes; none: it can't be reached
    };

    std::string interface;
    netlink::Neighbour neighbour;
    std::optional<std::chrono::seconds> age;  ///< of what is known of its MAC address
    std::vector<Served> backends;             ///< that are reached by it
};

/// One that is balanced on, a VLAN device that leads to one, or a member of a bond that is one.
struct InterfaceStatus {
    std::string name;
    std::optional<XdpMode> mode;        ///< native or generic, where packets are balanced
    std::optional<netlink::Link> link;  ///< none: the interface is gone
    std::string vlan_of;                ///< the interface that a VLAN device is on
    std::string member_of;              ///< the bond
    bool accepts_redirects = false;     ///< the kernel does, by ICMP or ICMPv6

    [[nodiscard]] bool is_balanced_on() const { return vlan_of.empty() && member_of.empty(); }
};

struct FlowTableStatus {
    std::uint64_t entries = 0;  ///< that there is room for
};

struct Status {
    std::vector<ServiceStatus> services;
    std::vector<NeighbourStatus> neighbours;
    std::vector<InterfaceStatus> interfaces;
    FlowTableStatus flow_table;
    ReasonCounts drops{};
    EventCounts events{};
    std::optional<Latency> latency;  ///< none: it isn't sampled
    Reloads reloads;
};

}  // namespace culvert::lbd
