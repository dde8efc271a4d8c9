// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <optional>

namespace culvert::lbd {

/// Which parts of the range [begin, end) are used. Finds room for more.
class Extents {
  public:
    Extents(std::uint32_t begin, std::uint32_t end) : begin_(begin), end_(end) {}

    /// Marks a part that was handed out earlier. Two such parts are either equal or do not overlap.
    void mark(std::uint32_t base, std::uint32_t size) { taken_[base] = size; }

    /// Behind all used parts while there is room, so that freed parts are not reused at once; then the first gap.
    [[nodiscard]] std::optional<std::uint32_t> take(std::uint32_t size) {
        const std::uint32_t last = taken_.empty() ? begin_ : end_of(std::prev(taken_.end()));
        if (last <= end_ && end_ - last >= size) return put(last, size);
        std::uint32_t gap = begin_;
        for (auto it = taken_.begin(); it != taken_.end(); gap = end_of(it), ++it)
            if (it->first - gap >= size) return put(gap, size);
        return std::nullopt;
    }

  private:
    using Taken = std::map<std::uint32_t, std::uint32_t>;  // base → size

    static std::uint32_t end_of(Taken::const_iterator it) { return it->first + it->second; }
    std::uint32_t put(std::uint32_t base, std::uint32_t size) {
        taken_[base] = size;
        return base;
    }

    std::uint32_t begin_;
    std::uint32_t end_;
    Taken taken_;
};

}  // namespace culvert::lbd
