// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <set>
#include <span>

#include "bpf/abi.h"
#include "netlink/address.hpp"

/// Which frames are for this host.
namespace culvert::lbd {

/// Frames for this address that come by this port are.
struct OwnMac {
    std::uint32_t port = 0;  ///< index of the interface that receives
    netlink::MacAddress mac;
    auto operator<=>(const OwnMac&) const = default;
};
using OwnMacs = std::set<OwnMac>;

/// As the program looks them up. `by_port`: it is compiled to several ports, and asks by which one a frame has come.
[[nodiscard]] lb_macs mac_table(const OwnMacs& own, bool by_port);

/// What the program says of a frame, which has an Ethernet header.
[[nodiscard]] bool is_own(const lb_macs& table, std::span<const std::uint8_t> frame, std::uint32_t port, bool by_port);

}  // namespace culvert::lbd
