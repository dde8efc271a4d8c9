// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>

#include "bpf/abi.h"
#include "lbd/model/ids.hpp"

/// Ids as the map `owners` holds them, from one process to the next.
namespace culvert::lbd {

using Owners = std::map<std::uint32_t, lb_owner>;  ///< by id

[[nodiscard]] Owners owners(const Ids& ids);
/// The other way. Whatever part of a change has been written, every id is still its owner's.
[[nodiscard]] Ids ids_of(const Owners& owners);

}  // namespace culvert::lbd
