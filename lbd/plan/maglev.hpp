// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lbd/model/image.hpp"

namespace culvert::lbd {

/// The lookup table of Maglev (Eisenbud et al., NSDI 2016, section 3.4): `size` entries, each with the value of a
/// contender, in proportion to the weights. It depends on names and weights alone, so all balancers of a cluster make
/// the same table. A contender that comes or goes moves few entries of the others. `size` is a prime. Empty if all
/// weights are zero.
[[nodiscard]] std::vector<std::uint16_t> maglev_table(std::span<const Contender> contenders, std::uint32_t size);

}  // namespace culvert::lbd
