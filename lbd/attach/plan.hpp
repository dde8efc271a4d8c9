// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lbd/model/config.hpp"
#include "netlink/result.hpp"

/// On which ports the program runs, and in which mode. Values only.
namespace culvert::lbd {

/// An interface to balance on, in its current state.
struct Port {
    std::uint32_t ifindex = 0;
    std::string name;
    std::optional<XdpMode> ours;          ///< the mode of our program there; absent: none is there
    bool is_current = false;              ///< our program there is the present one
    std::optional<netlink::Error> taken;  ///< a foreign program is attached
    std::optional<netlink::Error> lacks;  ///< why native XDP is impossible; absent: no reason is known

    bool operator==(const Port&) const = default;
};

/// What to do at one port.
struct PortPlan {
    std::uint32_t ifindex = 0;
    std::string name;
    XdpMode mode = XdpMode::native;  ///< native or generic
    bool leaves_mode = false;        ///< our program there has another mode and must be detached first
    bool is_done = false;            ///< nothing is left to do

    bool operator==(const PortPlan&) const = default;
};

/// What to do at all ports.
struct PortsPlan {
    XdpMode mode = XdpMode::native;     ///< of all ports: native or generic
    std::optional<netlink::Error> why;  ///< why it is not native, where native was allowed
    std::vector<PortPlan> ports;
    std::vector<netlink::Error> refused;  ///< why the other ports cannot have the program

    bool operator==(const PortsPlan&) const = default;
};

/// `wanted` is the configured mode. If it is automatic, either all ports are native or all are generic: a native port
/// cannot redirect packets to a generic one. The mode stays the same as long as possible.
[[nodiscard]] PortsPlan plan_ports(const std::vector<Port>& ports, XdpMode wanted);

}  // namespace culvert::lbd
