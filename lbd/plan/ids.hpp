// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "lbd/model/ids.hpp"
#include "lbd/model/services.hpp"
#include "netlink/result.hpp"

/// Which destination id belongs to whom.
namespace culvert::lbd {

/// The ids of these services: every backend has one below `limit`. Those that have one in `before`, which knows all ids
/// that were given out, keep it, also if they had been gone meanwhile. ENOSPC if there are not enough.
[[nodiscard]] netlink::Result<Ids> assign_ids(const Services& services, const Ids& before, std::uint32_t limit);

/// The size of a block for so many backends: some are always to spare.
[[nodiscard]] std::uint32_t block_size(std::size_t backends);

/// Without the ids that no flow has and that nothing needs: those of services that are gone, and of blocks that were
/// outgrown. `in_use`: whether the flow table has flows of an id.
[[nodiscard]] Ids forget_unused(Ids ids, const Services& services, const std::function<bool(std::uint32_t)>& in_use);

}  // namespace culvert::lbd
