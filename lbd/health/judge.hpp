// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

#include "lbd/model/check_status.hpp"

namespace culvert::lbd {

/// Decides from the results of checks whether a backend is up. The first result decides alone; from then on `fall`
/// failures in a row, or `rise` answers, change the state. A backend that flaps needs more answers to come back: for
/// each further failure within `flap_window` twice as many, up to `most_rise` times. Times are passed in.
///
/// A state known before, from another check or an earlier lbd, stays: a backend that was down is down until a check
/// says otherwise.
class Judge {
  public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::minutes flap_window{5};
    static constexpr std::uint32_t most_rise = 16;

    Judge(std::uint16_t rise, std::uint16_t fall) : rise_(rise), fall_(fall) {}

    /// Call before the first check. By default a backend counts as up.
    void is_known_down() { condition_ = Condition::down; }
    /// The same check with other numbers.
    void set(std::uint16_t rise, std::uint16_t fall) {
        rise_ = rise;
        fall_ = fall;
    }
    /// Call when the check has changed. A backend that was down may pass the new check, so its first result decides
    /// alone. A backend that was up does not go down by a single failure.
    void ask_anew() {
        in_a_row_ = 0;
        decides_alone_ = condition_ != Condition::up;
    }

    /// Takes the result of a check. True if it changed the state.
    bool hear(bool answered, Time now);

    [[nodiscard]] Condition condition() const { return condition_; }
    /// Number of answers in a row that the backend needs now to come back.
    [[nodiscard]] std::uint32_t needed(Time now) const;

  private:
    std::uint16_t rise_;
    std::uint16_t fall_;
    Condition condition_ = Condition::unknown;
    bool decides_alone_ = true;   // the next result decides alone
    std::uint32_t in_a_row_ = 0;  // results in a row against the present state
    std::deque<Time> falls_;
};

}  // namespace culvert::lbd
