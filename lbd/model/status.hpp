// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lbd/model/announcement.hpp"
#include "lbd/model/check_status.hpp"
#include "lbd/model/cluster_status.hpp"
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
    std::uint64_t new_flows = 0;  ///< since the start: connections opened, or flows added to the flow table
    FlowCount flows;              ///< now
    bool operator==(const Traffic&) const = default;

    Traffic& operator+=(const Traffic& other);
};

/// A router's report about the path to a backend.
struct PathMtuStatus {
    IpAddress router;
    std::uint32_t told = 0;     ///< the reported MTU, bytes; if it is below 1280, lbd uses 1280
    std::chrono::seconds left;  ///< time until it expires
};

struct BackendStatus {
    Backend backend;
    double share = 0;  ///< part of the service's table, 0 to 1
    Hop hop = tl::unexpected(LB_DROP_NO_ROUTE);
    std::string interface;                    ///< by which frames to the next hop leave
    std::optional<PathMtuStatus> path_mtu;    ///< absent: no router reported less than the MTU of the link
    std::optional<std::uint16_t> ipv6_needs;  ///< the path MTU that IPv6 clients need, if the path has less
    std::string unresolved;                   ///< why the MAC address of the next hop cannot be resolved, and the cure
    Traffic traffic;
    std::uint64_t former_slots = 0;    ///< slots in transition of which it is the former backend
    std::optional<CheckStatus> check;  ///< absent: it is not checked
};

struct ServiceStatus {
    std::string name;
    Vip vip;
    std::vector<PortSpec> ports;
    std::uint32_t table_size = 0;
    bool sticky = false;
    Track track = Track::just_enough;
    std::chrono::milliseconds idle{};
    std::vector<BackendStatus> backends;

    [[nodiscard]] Traffic traffic() const;
};

/// A neighbour on the way to backends.
struct NeighbourStatus {
    struct Served {
        IpAddress backend;
        std::optional<std::uint16_t> mtu;  ///< MTU of the path to it, bytes; absent: it cannot be reached
    };

    std::string interface;
    netlink::Neighbour neighbour;
    std::optional<std::chrono::seconds> age;  ///< how long its MAC address has been known, or unknown
    std::vector<Served> backends;             ///< that are reached by this neighbour
};

/// An interface that is balanced on, a VLAN device that leads to one, or a member of a bond that is balanced on.
struct InterfaceStatus {
    std::string name;
    std::optional<XdpMode> mode;        ///< native or generic; absent: nothing is balanced here
    std::optional<netlink::Link> link;  ///< absent: the interface is gone
    std::string vlan_of;                ///< the parent interface of a VLAN device
    std::string member_of;              ///< name of the bond
    bool accepts_redirects = false;     ///< the kernel follows ICMP or ICMPv6 redirects on it

    [[nodiscard]] bool is_balanced_on() const { return vlan_of.empty() && member_of.empty(); }
};

struct FlowTableStatus {
    std::uint64_t entries = 0;   ///< capacity
    std::uint64_t part = 0;      ///< entries of the part that packets use
    std::string key;             ///< digest of the hash key in force
    std::string configured_key;  ///< likewise of another one that the configuration has; empty: the same
};

struct Status {
    std::vector<ServiceStatus> services;
    std::vector<NeighbourStatus> neighbours;
    std::vector<InterfaceStatus> interfaces;
    FlowTableStatus flow_table;
    ReasonCounts drops{};
    EventCounts events{};
    AnnouncementsStatus announcements;
    std::optional<Latency> latency;  ///< absent: it is not measured
    Reloads reloads;
    std::optional<ClusterStatus> cluster;  ///< absent: no peers
};

}  // namespace culvert::lbd
