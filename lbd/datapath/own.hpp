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

/// Frames for this address that come by this port.
struct OwnMac {
    std::uint32_t port = 0;  ///< index of the interface that receives
    netlink::MacAddress mac;
    auto operator<=>(const OwnMac&) const = default;
};

struct Own {
    std::set<OwnMac> macs;
    std::set<std::uint16_t> vlans;  ///< ids, of VLAN devices on ports and of those on such
    bool operator==(const Own&) const = default;
};

/// As the program looks them up. `by_port`: it is compiled to several ports, and asks by which one a frame has come.
[[nodiscard]] lb_own own_table(const Own& own, bool by_port);

/// Whose a frame is.
enum class Addressee : std::uint8_t { us, others, all, other_vlan };
/// What the program says of a frame, which has an Ethernet header.
[[nodiscard]] Addressee addressee(const lb_own& table, std::span<const std::uint8_t> frame, std::uint32_t port,
                                  bool by_port);

}  // namespace culvert::lbd
