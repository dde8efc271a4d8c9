// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace culvert::lbd {

/// FNV-1a, 64 bits: the same on all machines. It tells apart what balancers of one cluster say, who trust each other.
class ViewDigest {
  public:
    void add(std::string_view text) {
        add(std::uint64_t{text.size()});
        for (const char c : text) add_byte(static_cast<std::uint8_t>(c));
    }
    void add(std::uint64_t number) {
        for (int shift = 0; shift < 64; shift += 8) add_byte(static_cast<std::uint8_t>(number >> shift));
    }
    [[nodiscard]] std::uint64_t value() const { return state_; }

  private:
    void add_byte(std::uint8_t byte) { state_ = (state_ ^ byte) * 0x100000001b3ULL; }

    std::uint64_t state_ = 0xcbf29ce484222325ULL;
};

}  // namespace culvert::lbd
