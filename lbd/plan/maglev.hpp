// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lbd/model/image.hpp"

namespace culvert::lbd {

/// The lookup table of Maglev (Eisenbud et al., NSDI 2016, section 3.4): `size` entries, each the value of a contender,
/// in numbers proportional to the weights. It depends on names and weights alone, so all balancers of a cluster make
/// the same one, and a contender that comes or goes moves few of the others' entries. `size` is a prime. Empty if
/// nobody has a weight.
[[nodiscard]] std::vector<std::uint16_t> maglev_table(std::span<const Contender> contenders, std::uint32_t size);

}  // namespace culvert::lbd
