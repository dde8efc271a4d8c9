// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

#include "netlink/nftables/table.hpp"
#include "realserver/model/desired.hpp"

/// The guard: who may send into the tunnels, and what may come out of them.
///
/// It stands at two hooks. `outer` (input) sees what is about to be unwrapped: IPv4 is whole there, and of IPv6 every
/// fragment says its protocol and the first one holds the ports. `inner` (prerouting) sees what was unwrapped, before
/// it is known whether it is for this host or to be forwarded. Both come before other tables' usual priorities, so that
/// they count what arrives and nothing of it enters conntrack. A drop is final and an accept only ends these chains:
/// other tables can neither undo the one nor are they bypassed by the other.
///
/// Which device a packet comes out of is the kernel's choice among all that anybody has made. So `outer` notes in two
/// bits of skb->priority what it found, and `inner` goes by these, and by kinds of device.
namespace culvert::realserver {

/// Why a packet is caught. Packets with this fate go through a chain of the table that has this name.
struct Reason {
    std::string_view chain;
    std::string_view text;
};

inline constexpr Reason stranger{"stranger", "outer source is no balancer"};
inline constexpr Reason wrong_way{"wrong_way", "balancer's address, by another interface"};
inline constexpr Reason bad_header{"bad_header", "carries what is not configured"};
inline constexpr Reason no_vip{"no_vip", "inner destination is no VIP"};
inline constexpr Reason bad_source{"bad_source", "inner source that no client has"};
inline constexpr Reason nested{"nested", "a tunnel in a tunnel"};

inline constexpr std::array reasons{stranger, wrong_way, bad_header, no_vip, bad_source, nested};

inline constexpr std::array both_families{Family::ipv4, Family::ipv6};

/// The name of the table's set of that family: "vips4".
[[nodiscard]] std::string family_set(std::string_view name, Family family);

/// Adds the guard to the table, unless it is off or the kernel unwraps nothing. The sets of VIPs are the
/// caller's to add.
void add_guard(const Desired& desired, netlink::nft::Table& table);

}  // namespace culvert::realserver
