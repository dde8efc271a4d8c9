// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// The numbers of messages, and the longest texts in them.
namespace culvert::lbd::wire {

enum class Type : std::uint16_t {
    hello = 1,
    chosen = 2,
    views = 3,
    ask = 4,
    lines = 5,
    exceptions = 6,
    all_sent = 7,
    ping = 8,
    pong = 9,
    bye = 10,
    turnover_question = 11,
    turnover_answer = 12,
};

inline constexpr std::size_t longest_name = 255;
inline constexpr std::size_t longest_key = 320;    ///< "backend …: health"
inline constexpr std::size_t longest_value = 600;  ///< a list of ports may be longer, and is cut off
inline constexpr std::size_t longest_reason = 255;

}  // namespace culvert::lbd::wire
