// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>

namespace culvert::lbd {

/// Which part of the flows the flow table has where it only counts them: one in 2^shift. All of them, while they are
/// few. Values only.
class Sampling {
  public:
    /// More entries make one flow in twice as many enough, and fewer than the least, one in half as many. The error of
    /// an estimate is about one in the square root of the entries behind it.
    static constexpr std::uint64_t most = 32'768;
    static constexpr std::uint64_t least = 8'192;

    explicit Sampling(unsigned shift = 0) : shift_(shift), counted_(shift) {}

    [[nodiscard]] unsigned shift() const { return shift_; }
    /// The shift to count by. When the part grows, flows get their entries with their next packets, so it stays larger
    /// for `idle`.
    [[nodiscard]] unsigned counted() const { return counted_; }

    /// Call during a round of the sweep, with the number of entries of the sample until now. True if the part is
    /// smaller now: count anew.
    bool see(std::uint64_t entries, unsigned highest) {
        if (entries <= most || shift_ == highest) return false;
        ++shift_;
        is_raised_ = true;
        if (counted_ < shift_) counted_ = shift_;
        return true;
    }
    /// Call after a round. Times are in units of FlowClock. `idle`: the longest of the services whose flows are
    /// sampled. A round in which the part became smaller was counted only from there on, so it does not make the part
    /// larger.
    void end_round(std::uint64_t entries, std::uint16_t now, std::uint16_t idle) {
        if (counted_ > shift_ && static_cast<std::int16_t>(now - lowered_) > static_cast<std::int16_t>(idle))
            counted_ = shift_;
        if (std::exchange(is_raised_, false) || entries >= least || shift_ == 0 || counted_ > shift_) return;
        --shift_;
        lowered_ = now;
    }

  private:
    unsigned shift_;
    unsigned counted_;
    bool is_raised_ = false;     // in this round
    std::uint16_t lowered_ = 0;  // when shift_ became lower than counted_
};

}  // namespace culvert::lbd
