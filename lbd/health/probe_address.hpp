// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "netlink/address.hpp"

/// The health checker's own small network, which exists only on this host. Each destination has an address in it. What
/// is sent there goes to the service's VIP on that backend, encapsulated like clients' packets. So a check is an
/// ordinary connection to an ordinary address, which `curl` and scripts can make too.
namespace culvert::lbd {

/// 240.0.0.0/8, which is reserved by RFC 1112, section 4, but unicast for Linux; and a local network by RFC 4193.
[[nodiscard]] netlink::Prefix probe_network(netlink::Family family);
/// This host's address in that network, with the prefix length. Other programs' probes are sent from it.
[[nodiscard]] netlink::Prefix probe_source(netlink::Family family);
/// The upper half of that network, which consists of addresses of this host. Each of the checker's own probes uses one
/// of them, so that other connections do not get in its way.
[[nodiscard]] netlink::Prefix probe_sources(netlink::Family family);
/// One of these addresses, chosen by the last 23 bits of `chance`.
[[nodiscard]] netlink::IpAddress own_source(netlink::Family family, std::uint32_t chance);

/// `dest`: the destination's id, below LB_DEST_MAX.
[[nodiscard]] netlink::IpAddress probe_address(std::uint32_t dest, netlink::Family family);
/// Nothing if it is not the address of a destination.
[[nodiscard]] std::optional<std::uint32_t> dest_of(const netlink::IpAddress& probe_address);

}  // namespace culvert::lbd
