// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace culvert::lbd {

/// When a flow came to its backend, and whether it had another one before. By that balancers agree on one of the
/// backends that they know of a flow, whoever asks.
class Choice {
  public:
    /// Sixteenths of a second, in 31 bits: these wrap in four years.
    using Time = std::uint32_t;
    [[nodiscard]] static Time time_of(std::chrono::system_clock::time_point time) {
        using Sixteenths = std::chrono::duration<std::uint64_t, std::ratio<1, 16>>;
        return static_cast<Time>(std::chrono::duration_cast<Sixteenths>(time.time_since_epoch()).count()) & most;
    }

    /// Nothing is said about it.
    constexpr Choice() = default;
    /// The first backend of a flow, as far as is known.
    [[nodiscard]] static constexpr Choice first(Time now) { return Choice(now, false); }
    /// Its next one. It is later than this choice, whatever the clocks of balancers say.
    [[nodiscard]] constexpr Choice next(Time now) const {
        return Choice(is_said() && !is_later(now, time()) ? time() + 1 : now, true);
    }
    /// As in messages.
    [[nodiscard]] static constexpr Choice of_bits(std::uint32_t bits) {
        Choice choice;
        choice.bits_ = bits;
        return choice;
    }
    [[nodiscard]] constexpr std::uint32_t bits() const { return bits_; }

    [[nodiscard]] constexpr bool is_said() const { return bits_ != 0; }
    [[nodiscard]] constexpr Time time() const { return bits_ >> 1; }
    [[nodiscard]] constexpr bool has_left() const { return (bits_ & 1) != 0; }

    /// Whether this one counts. A flow is where it went when it left a backend, and otherwise where it began.
    [[nodiscard]] constexpr bool counts_before(Choice other) const {
        if (has_left() != other.has_left()) return has_left();
        return has_left() ? is_later(time(), other.time()) : is_later(other.time(), time());
    }
    /// Of these two, of which one or both may not be said.
    [[nodiscard]] constexpr Choice merged(Choice other) const {
        return !is_said() || (other.is_said() && other.counts_before(*this)) ? other : *this;
    }
    constexpr bool operator==(const Choice&) const = default;

  private:
    static constexpr Time most = UINT32_MAX >> 1;

    /// What is not said is 0, so no time is.
    constexpr Choice(Time time, bool has_left)
        : bits_(((time & most) == 0 ? 1 : time & most) << 1 | (has_left ? 1U : 0U)) {}

    static constexpr bool is_later(Time one, Time other) { return one != other && ((one - other) & most) <= most / 2; }

    std::uint32_t bits_ = 0;
};

}  // namespace culvert::lbd
