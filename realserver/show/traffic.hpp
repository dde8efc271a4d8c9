// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "netlink/nftables/table.hpp"
#include "realserver/desired/room.hpp"
#include "realserver/model/config.hpp"
#include "realserver/plan/others.hpp"

/// What `realserver status` shows besides settings: packets that the guard caught, the room in each tunnel, and the
/// effects of foreign tunnels.
namespace culvert::realserver {

/// policy (strict | log | off), caught []: reason, text, packets, bytes; empty if there is no guard.
[[nodiscard]] nlohmann::ordered_json guard_to_json(Guard policy, const netlink::nft::Tallies& tallies);
/// Empty if there is no guard.
[[nodiscard]] std::string guard_to_table(Guard policy, const netlink::nft::Tallies& tallies, bool colored);

/// A list: tunnel, outer, inner, overhead, mtu, mss; bytes.
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<Room>& rooms);
/// Empty if there are no tunnels.
[[nodiscard]] std::string to_table(const std::vector<Room>& rooms, bool colored);

/// A list: device, what, takes_packets_of (a device, or null), rp_filter, listed (bool).
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<OtherTunnel>& others);
/// Empty if there are none.
[[nodiscard]] std::string to_table(const std::vector<OtherTunnel>& others, bool colored);

}  // namespace culvert::realserver
