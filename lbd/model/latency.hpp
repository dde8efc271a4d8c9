// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "bpf/abi.h"

namespace culvert::lbd {

/// How long the program took for packets that it sent on, of those that had their time taken.
struct Latency {
    std::uint64_t sum = 0;  ///< ns
    std::array<std::uint64_t, LB_LATENCY_BUCKETS> counts{};
    bool operator==(const Latency&) const = default;

    /// Longest time of a bucket, ns; the last one has none.
    [[nodiscard]] static std::optional<std::uint64_t> bound(std::size_t bucket);
    [[nodiscard]] std::uint64_t packets() const;
    /// The first of the bounds that this part (0 to 1) of the packets, of which there are some, didn't exceed, ns.
    [[nodiscard]] std::optional<std::uint64_t> quantile(double part) const;

    Latency& operator+=(const lb_latency& cpu);
};

}  // namespace culvert::lbd
