// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "bpf/abi.h"
#include "lbd/model/config.hpp"
#include "lbd/model/image.hpp"
#include "lbd/model/surroundings.hpp"

namespace culvert::lbd {

/// The parameters of a loaded program: what is compiled into it, and the size of its maps.
struct Build {
    lb_config config{};  ///< the hash key is zero until one is set
    Limits limits;
    bool operator==(const Build& other) const;

    [[nodiscard]] std::uint32_t buckets() const { return config.bucket_mask + 1; }
};

[[nodiscard]] Build build_for(const Config& config, const Surroundings& around, const Limits& limits);

/// `wanted` with the hash key of `present`, which places flows in the flow table.
[[nodiscard]] Build keyed(Build wanted, const Build& present);
/// Likewise, and able to run what `present` runs.
[[nodiscard]] Build united(Build wanted, const Build& present);

}  // namespace culvert::lbd
