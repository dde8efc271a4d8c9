// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lbd/datapath/datapath.hpp"
#include "lbd/datapath/flow_table.hpp"
#include "lbd/next_hop/next_hop.hpp"
#include "lbd/state.hpp"

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

struct BackendStatus {
    Backend backend;
    double share = 0;  ///< of the service's table, 0 to 1
    Hop hop = tl::unexpected(LB_DROP_NO_ROUTE);
    std::string interface;  ///< that the hop leaves by
    Traffic traffic;
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
    std::string interface;
    netlink::Neighbour neighbour;
    std::vector<IpAddress> backends;  ///< that are reached by it
};

struct InterfaceStatus {
    std::string name;
    XdpMode mode = XdpMode::native;     ///< native or generic
    std::optional<netlink::Link> link;  ///< none: the interface is gone
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
};

}  // namespace culvert::lbd
