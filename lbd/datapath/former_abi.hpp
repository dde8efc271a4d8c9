// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "lbd/datapath/vip_table.hpp"
#include "netlink/result.hpp"

/// What lbd takes over from the ABI version before. There each flow had an entry in the flow table, and a service had
/// no slots in transition: map `transitions` is new, `vips4`, `vips6` and the program's variables differ. The index of
/// a bucket came from the hash alone.
namespace culvert::lbd {

inline constexpr std::uint32_t former_abi = LB_ABI_VERSION - 1;

/// The entries of the map with this file descriptor, in the half that is in use.
[[nodiscard]] netlink::Result<std::vector<Vip4Entry>> former_vips4(int map, std::uint32_t half);
[[nodiscard]] netlink::Result<std::vector<Vip6Entry>> former_vips6(int map, std::uint32_t half);

/// The value of `vips_half` in the map of the program's variables.
[[nodiscard]] netlink::Result<std::uint32_t> former_vips_half(int state);

}  // namespace culvert::lbd
