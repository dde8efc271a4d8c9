// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "lbd/model/ids.hpp"
#include "lbd/model/services.hpp"
#include "netlink/result.hpp"

/// Which destination id belongs to which backend.
namespace culvert::lbd {

/// The ids of these services; every backend has one below `limit`. `before` has all ids ever assigned: a backend keeps
/// its id there, also if it was gone in between. ENOSPC if there are not enough ids.
[[nodiscard]] netlink::Result<Ids> assign_ids(const Services& services, const Ids& before, std::uint32_t limit);

/// The ids, under the names that services and backends have after a change: a backend that keeps its address keeps its
/// id, whatever its name and that of its service are. Absent: no name changes.
[[nodiscard]] std::optional<Ids> renamed(const Ids& ids, const Services& gone, const Services& come);

/// The size of an id block for this number of backends; some ids are always spare.
[[nodiscard]] std::uint32_t block_size(std::size_t backends);

/// Removes ids that no flow has and nothing needs: those of removed services, and of outgrown blocks. `in_use`: whether
/// the flow table has flows of an id.
[[nodiscard]] Ids forget_unused(Ids ids, const Services& services, const std::function<bool(std::uint32_t)>& in_use);

}  // namespace culvert::lbd
