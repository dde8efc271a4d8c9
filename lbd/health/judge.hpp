// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

#include "lbd/model/check_status.hpp"

namespace culvert::lbd {

/// From what checks find to whether a backend is up. The first check decides alone; from then on it takes `fall`
/// failures in a row, or `rise` answers. One that falls again and again has to answer longer each time: twice as often
/// for every further fall within `flap_window`, up to `most_rise` times. Times are passed in.
///
/// What was known before, to another check or to the lbd before, goes on: one that was down is down until a check says
/// otherwise.
class Judge {
  public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::minutes flap_window{5};
    static constexpr std::uint32_t most_rise = 16;

    Judge(std::uint16_t rise, std::uint16_t fall) : rise_(rise), fall_(fall) {}

    /// Before the first check. That it is up is trusted without being told.
    void is_known_down() { condition_ = Condition::down; }
    /// The same question, answered by other numbers.
    void set(std::uint16_t rise, std::uint16_t fall) {
        rise_ = rise;
        fall_ = fall;
    }
    /// Another question: one that was down may be up by it, so the first answer decides alone. One that was up does not
    /// go down by a single failure.
    void ask_anew() {
        in_a_row_ = 0;
        decides_alone_ = condition_ != Condition::up;
    }

    /// What a check has found. True if that changed the condition.
    bool hear(bool answered, Time now);

    [[nodiscard]] Condition condition() const { return condition_; }
    /// Answers in a row that it takes now to come back.
    [[nodiscard]] std::uint32_t needed(Time now) const;

  private:
    std::uint16_t rise_;
    std::uint16_t fall_;
    Condition condition_ = Condition::unknown;
    bool decides_alone_ = true;   // the next check
    std::uint32_t in_a_row_ = 0;  // that speak against the condition
    std::deque<Time> falls_;
};

}  // namespace culvert::lbd
