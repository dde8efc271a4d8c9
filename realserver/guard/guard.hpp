// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <set>
#include <string>
#include <string_view>

#include "netlink/nftables/table.hpp"
#include "realserver/model/desired.hpp"

/// The guard: decides who may send into the tunnels, and what may leave them.
///
/// It has two hooks. `outer` (input) sees packets before decapsulation: IPv4 packets are whole there, every IPv6
/// fragment names its protocol, and the first one has the ports. `inner` (prerouting) sees decapsulated packets, before
/// the kernel decides to deliver or to forward them. Both run before the usual priorities of other tables, so that they
/// count what arrives, and dropped packets never enter conntrack. A drop is final. An accept only ends these chains, so
/// packets still pass the other tables.
///
/// The kernel chooses the device that decapsulates a packet among all devices of all owners. So `outer` marks what it
/// found in bits of skb->priority, and `inner` goes by these marks and by the kind of the device. A VLAN device sets
/// the priority anew, so a third hook, `last` (input), copies one of the bits to skb->mark.
namespace culvert::realserver {

/// Why the guard catches a packet. The table has a chain of this name for such packets.
struct Reason {
    std::string_view chain;
    std::string_view text;
};

inline constexpr Reason stranger{"stranger", "outer source is no balancer"};
inline constexpr Reason wrong_way{"wrong_way", "a balancer's address, but at another interface"};
inline constexpr Reason bad_header{"bad_header", "content that is not configured"};
inline constexpr Reason no_vip{"no_vip", "inner destination is no VIP"};
inline constexpr Reason bad_source{"bad_source", "inner source that no client can have"};
inline constexpr Reason nested{"nested", "a tunnel in a tunnel"};

inline constexpr std::array reasons{stranger, wrong_way, bad_header, no_vip, bad_source, nested};

inline constexpr std::array both_families{Family::ipv4, Family::ipv6};

/// The name of the table's set of that family: "vips4".
[[nodiscard]] std::string family_set(std::string_view name, Family family);

/// The devices that the guard covers: those that decapsulate, and those that stand idle as XDP decapsulates, but that
/// others may bring up.
[[nodiscard]] std::set<std::string> guarded_devices(const Desired& desired);

/// Adds the guard to the table, unless it is off or there is no device to cover. The caller adds the sets of VIPs.
void add_guard(const Desired& desired, netlink::nft::Table& table);

}  // namespace culvert::realserver
