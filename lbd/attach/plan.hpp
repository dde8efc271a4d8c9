// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lbd/attach/attachment.hpp"
#include "lbd/state.hpp"

/// Where the program is to run, and in which mode. Values only.
namespace culvert::lbd {

/// An interface to balance on, as it was found.
struct Port {
    std::uint32_t ifindex = 0;
    std::string name;
    std::optional<XdpMode> ours;  ///< the mode that our program runs in there; nothing if it doesn't

    bool operator==(const Port&) const = default;
};

/// What is done at one port.
struct PortPlan {
    std::uint32_t ifindex = 0;
    std::string name;
    bool leaves_mode = false;    ///< the program runs in another mode than it may, and is taken off first
    std::vector<XdpMode> modes;  ///< native or generic: the first that the kernel takes

    bool operator==(const PortPlan&) const = default;
};

/// `wanted` is what the configuration says. Where it says nothing the program stays in the mode it has.
[[nodiscard]] std::vector<PortPlan> plan_ports(const std::vector<Port>& ports, XdpMode wanted);

}  // namespace culvert::lbd
