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

/// The hash tables that packets' VIPs are looked up in. bpf/abi.h describes them.
namespace culvert::lbd {

using Vip4Entry = std::pair<lb_vip4, lb_service>;
using Vip6Entry = std::pair<lb_vip6, lb_service>;

/// The entries of a half of map vips4 or vips6.
template <typename Line>
[[nodiscard]] auto vip_entries(std::span<const Line> half) {
    std::vector<std::pair<std::remove_cvref_t<decltype(half[0].key[0])>, lb_service>> entries;
    for (const Line& line : half)
        for (std::size_t way = 0; way < std::size(line.key); ++way)
            if ((line.used & 1U << way) != 0) entries.emplace_back(line.key[way], line.service[way]);
    return entries;
}

/// Edits the half of map vips4 or vips6 that packets do not use. After the first edit, the time depends on the number
/// of changes.
template <typename Line>
class VipHalves {
  public:
    using Key = std::remove_cvref_t<decltype(Line{}.key[0])>;

    /// Packets use half `present`. The other half becomes a copy of it, without `removed` and with `entered`, which may
    /// replace existing keys. False if they do not fit.
    [[nodiscard]] bool edit(std::span<Line> map, std::uint32_t present, std::span<const Key> removed,
                            std::span<const std::pair<Key, lb_service>> entered);

  private:
    std::optional<std::vector<std::size_t>> differing_;  // lines that may differ between the halves, if known
};

template <typename Line>
[[nodiscard]] std::span<Line> half_of(std::span<Line> map, std::uint32_t half) {
    return map.subspan(half * map.size() / 2, map.size() / 2);
}

/// A half of map vips4 with `lines` lines, a power of two. All keys must differ. Empty if they do not fit; with as many
/// lines as keys they fit easily.
[[nodiscard]] std::vector<lb_vip4_line> vip4_table(const std::vector<Vip4Entry>& entries, std::uint32_t lines);
/// Likewise, a half of map vips6.
[[nodiscard]] std::vector<lb_vip6_line> vip6_table(const std::vector<Vip6Entry>& entries, std::uint32_t lines);

}  // namespace culvert::lbd
