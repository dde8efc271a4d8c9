// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "bpf/abi.h"

namespace culvert::lbd {

/// How long the program took for packets that it forwarded. Only some packets are measured.
struct Latency {
    std::uint64_t sum = 0;  ///< ns
    std::array<std::uint64_t, LB_LATENCY_BUCKETS> counts{};
    bool operator==(const Latency&) const = default;

    /// The longest time that a bucket counts, in ns; nothing for the last bucket.
    [[nodiscard]] static std::optional<std::uint64_t> bound(std::size_t bucket);
    [[nodiscard]] std::uint64_t packets() const;
    /// The lowest bound that this part (0 to 1) of the packets did not exceed, in ns. There must be packets.
    [[nodiscard]] std::optional<std::uint64_t> quantile(double part) const;

    Latency& operator+=(const lb_latency& cpu);
};

}  // namespace culvert::lbd
