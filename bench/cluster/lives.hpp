// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "bench/cluster/options.hpp"

namespace culvert::bench::cluster {

/// How long connections live, and when they send. Each draw depends on the number that is given, and on nothing else.
class Lives {
  public:
    /// Seconds. Lives have a Pareto distribution.
    static constexpr double least = 4;
    static constexpr double most = 3'000;

    explicit Lives(const Options& options);

    /// Connections that are opened in a second, so that there are as many as is wanted.
    [[nodiscard]] double opened() const { return opened_; }
    [[nodiscard]] Tick life(std::uint64_t random) const { return lives_[random >> 52]; }
    /// What is left to a connection that is found at any time.
    [[nodiscard]] Tick rest(std::uint64_t random) const { return rests_[random >> 52]; }
    /// The time to the next packet: as often from 1 to 2 s as from 50 to 100.
    [[nodiscard]] Tick gap(std::uint64_t random) const { return gaps_[random >> 52]; }

  private:
    /// The times of which equally many are shorter, one for each part of the draws.
    using Quantiles = std::array<std::uint16_t, 4096>;

    double opened_;
    Quantiles lives_;
    Quantiles rests_;
    Quantiles gaps_;
};

}  // namespace culvert::bench::cluster
