// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "bpf/abi.h"

/// The hash tables of VIPs that packets are looked up in; bpf/abi.h describes them.
namespace culvert::lbd {

using Vip4Entry = std::pair<lb_vip4, lb_service>;
using Vip6Entry = std::pair<lb_vip6, lb_service>;

/// What a half of map vips4 or vips6 holds.
template <typename Line>
[[nodiscard]] auto vip_entries(std::span<const Line> half) {
    std::vector<std::pair<std::remove_cvref_t<decltype(half[0].key[0])>, lb_service>> entries;
    for (const Line& line : half)
        for (std::size_t way = 0; way < std::size(line.key); ++way)
            if ((line.used & 1U << way) != 0) entries.emplace_back(line.key[way], line.service[way]);
    return entries;
}

/// How map vips4 or vips6 changes: in the half that no packet is looked up in. The time that an edit takes depends on
/// how much it changes, but for the first one.
template <typename Line>
class VipHalves {
  public:
    using Key = std::remove_cvref_t<decltype(Line{}.key[0])>;

    /// Half `present` is looked up in. The other one becomes the same without some keys and with others, which may be
    /// there already. False if they don't fit.
    [[nodiscard]] bool edit(std::span<Line> map, std::uint32_t present, std::span<const Key> removed,
                            std::span<const std::pair<Key, lb_service>> entered);

  private:
    std::optional<std::vector<std::size_t>> differing_;  // lines of a half that may not be as in the other, if known
};

template <typename Line>
[[nodiscard]] std::span<Line> half_of(std::span<Line> map, std::uint32_t half) {
    return map.subspan(half * map.size() / 2, map.size() / 2);
}

/// A half of map vips4, of `lines` lines, a power of two. No two keys alike. Empty if they don't fit: so they do, by
/// far, where there are as many lines as keys.
[[nodiscard]] std::vector<lb_vip4_line> vip4_table(const std::vector<Vip4Entry>& entries, std::uint32_t lines);
/// A half of map vips6, likewise.
[[nodiscard]] std::vector<lb_vip6_line> vip6_table(const std::vector<Vip6Entry>& entries, std::uint32_t lines);

}  // namespace culvert::lbd
