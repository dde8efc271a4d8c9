// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lbd/model/config.hpp"
#include "netlink/result.hpp"

/// Where the program is to run, and in which mode. Values only.
namespace culvert::lbd {

/// An interface to balance on, as it was found.
struct Port {
    std::uint32_t ifindex = 0;
    std::string name;
    std::optional<XdpMode> ours;          ///< the mode that a program of ours runs in there; nothing if none does
    bool is_current = false;              ///< and it is the present one
    std::optional<netlink::Error> taken;  ///< by somebody else's program
    std::optional<netlink::Error> lacks;  ///< why native XDP can't be; nothing: it can, as far as is known

    bool operator==(const Port&) const = default;
};

/// What is done at one port.
struct PortPlan {
    std::uint32_t ifindex = 0;
    std::string name;
    XdpMode mode = XdpMode::native;  ///< native or generic
    bool leaves_mode = false;        ///< a program of ours runs in another mode, and is taken off first
    bool is_done = false;            ///< it is as it is to be

    bool operator==(const PortPlan&) const = default;
};

/// What is done at all of them.
struct PortsPlan {
    XdpMode mode = XdpMode::native;     ///< of all: native or generic
    std::optional<netlink::Error> why;  ///< not native, though it might be
    std::vector<PortPlan> ports;
    std::vector<netlink::Error> refused;  ///< of the other ports, why

    bool operator==(const PortsPlan&) const = default;
};

/// `wanted` is what the configuration says. Where it says nothing all ports run native, or all generic: what one in
/// native mode redirects is lost at one that is not. The mode stays what it is as long as it can.
[[nodiscard]] PortsPlan plan_ports(const std::vector<Port>& ports, XdpMode wanted);

}  // namespace culvert::lbd
