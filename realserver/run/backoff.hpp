// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>

#include "realserver/model/state.hpp"

namespace culvert::realserver {

/// How long to leave a setting alone if others keep changing it, or if it can't be set. The first attempt is made at
/// once. If it doesn't last, the next one follows after a second, then two, and so on, up to a minute. After a value
/// has lasted for twice the delay, the delay starts again at a second. A failed attempt may be repeated sooner when
/// something else changes.
class Backoff {
  public:
    using Time = std::chrono::steady_clock::time_point;
    using Delay = std::chrono::milliseconds;

    static constexpr Delay shortest{1'000};
    static constexpr Delay longest{60'000};

    /// The time until the next attempt for `key`; 0: now.
    [[nodiscard]] Delay wait(const Key& key, Time now) const;
    /// The delay that followed the last attempt; 0: there was no attempt.
    [[nodiscard]] Delay delay(const Key& key) const;
    /// The setting has changed before the next attempt was due, so the last attempt did not last.
    void held(const Key& key);
    /// An attempt was made. `failed`: the kernel refused it.
    void tried(const Key& key, Time now, bool failed = false);
    /// Something else has changed: failed attempts are repeated after the shortest delay.
    void hasten();
    /// True at the first call since the delay last changed, so that each delay is logged once.
    [[nodiscard]] bool is_news(const Key& key);
    /// All attempts are due.
    void forget() { settings_.clear(); }

  private:
    struct Setting {
        Time tried;
        Delay delay = shortest;
        bool failed = false;
        bool held = false;
        bool said = false;
    };
    std::map<Key, Setting> settings_;
};

}  // namespace culvert::realserver
