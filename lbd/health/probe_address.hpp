// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "netlink/address.hpp"

/// The health checker's own small network, which only this host has: in it, each destination has an address. What is
/// sent there goes to the service's VIP on that one backend, by the way that clients' packets take. So a check is an
/// ordinary connection to an ordinary address, and `curl` or a script can do it too.
namespace culvert::lbd {

/// 240.0.0.0/8 of what RFC 1112, section 4, reserves (Linux takes these for unicast addresses); and a network of the
/// kind that RFC 4193 gives out.
[[nodiscard]] netlink::Prefix probe_network(netlink::Family family);
/// This host's end, an address of that network with its length: what everybody's probes come from.
[[nodiscard]] netlink::Prefix probe_source(netlink::Family family);
/// The upper half of that network, all of whose addresses are this host's: the checker's own probes come from one of
/// them each, so that nobody's connections are in their way.
[[nodiscard]] netlink::Prefix probe_sources(netlink::Family family);
/// One of them, by `chance`, of which the last 23 bits count.
[[nodiscard]] netlink::IpAddress own_source(netlink::Family family, std::uint32_t chance);

/// `dest`: the destination's id, below LB_DEST_MAX.
[[nodiscard]] netlink::IpAddress probe_address(std::uint32_t dest, netlink::Family family);
/// Nothing if it is no destination's address.
[[nodiscard]] std::optional<std::uint32_t> dest_of(const netlink::IpAddress& probe_address);

}  // namespace culvert::lbd
