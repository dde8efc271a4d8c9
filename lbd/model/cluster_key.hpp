// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace culvert::lbd {

/// The secret that the balancers of a cluster share. Other keys are derived from it (lbd/key). It is never printed.
struct ClusterKey {
    std::array<std::uint8_t, 32> bytes{};
    bool operator==(const ClusterKey&) const = default;
};

}  // namespace culvert::lbd
