// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "bpf/abi.h"
#include "lbd/model/config.hpp"
#include "lbd/plan/ids.hpp"

/// Ids as the map `owners` holds them, from one process to the next.
namespace culvert::lbd {

using Owners = std::map<std::uint32_t, lb_owner>;  ///< by id

[[nodiscard]] Owners owners(const Ids& ids);
/// The other way. Whatever part of a change has been written, every id is still its owner's.
[[nodiscard]] Ids ids_of(const Owners& owners);

/// Without the ids that no flow has and that nothing needs: those of services that are gone, and of blocks that were
/// outgrown. `in_use`: whether the flow table has flows of an id.
[[nodiscard]] Ids forget_unused(Ids ids, const Services& services, const std::function<bool(std::uint32_t)>& in_use);

}  // namespace culvert::lbd
