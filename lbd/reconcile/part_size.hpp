// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

namespace culvert::lbd {

/// How much of the flow table packets use: so much that hardly any bucket is full, and no more, as each bucket is a
/// line of memory. The part is the whole table, halved `shift` times. Values only.
class PartSize {
  public:
    /// Entries of 32 places. At a quarter, one new flow in 900 finds its bucket full.
    static constexpr std::uint64_t grows_above = 9;
    static constexpr std::uint64_t most_above = 24;  ///< nobody knows how many did not find room
    static constexpr std::uint64_t shrinks_below = 2;
    static constexpr unsigned patience = 64;  ///< rounds, over four minutes

    /// How many of so many places in the part have an entry.
    struct Use {
        std::uint64_t entries = 0;
        std::uint64_t places = 0;
    };

    /// Call for each share of a round, which is a sample of all. The new shift, if the part is to grow.
    [[nodiscard]] static std::optional<unsigned> larger(Use share, unsigned shift) {
        if (shift == 0 || share.entries * 32 <= share.places * grows_above) return std::nullopt;
        return share.entries * 32 > share.places * most_above ? 0 : shift - 1;
    }
    /// Call after each round. The new shift, if the part is to shrink. `most`: the highest.
    [[nodiscard]] std::optional<unsigned> smaller(Use round, unsigned shift, unsigned most) {
        rounds_ = round.entries * 32 < round.places * shrinks_below ? rounds_ + 1 : 0;
        if (shift >= most || rounds_ < patience) return std::nullopt;
        rounds_ = 0;
        return shift + 1;
    }

  private:
    unsigned rounds_ = 0;  // in a row, in which it could be smaller
};

}  // namespace culvert::lbd
