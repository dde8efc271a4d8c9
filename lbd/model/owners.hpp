// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>

#include "bpf/abi.h"
#include "lbd/model/ids.hpp"

/// Destination ids as the map `owners` stores them from one process to the next.
namespace culvert::lbd {

using Owners = std::map<std::uint32_t, lb_owner>;  ///< by id

[[nodiscard]] Owners owners(const Ids& ids);
/// The reverse. It is correct even if only a part of a change was written: every id still has its owner.
[[nodiscard]] Ids ids_of(const Owners& owners);

}  // namespace culvert::lbd
