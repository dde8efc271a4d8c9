// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>

#include "realserver/model/state.hpp"

namespace culvert::realserver {

/// How long to leave alone a setting that does not stay as it is put, or cannot be put right. The first attempt is made
/// at once. If it does not last, the next is a second later, then two, doubling up to a minute. If it lasts for twice
/// that time, it begins anew. What failed may succeed as soon as something else has changed.
class Backoff {
  public:
    using Time = std::chrono::steady_clock::time_point;
    using Delay = std::chrono::milliseconds;

    static constexpr Delay shortest{1'000};
    static constexpr Delay longest{60'000};

    /// For how long `key` is to be left alone yet; 0: it is due.
    [[nodiscard]] Delay wait(const Key& key, Time now) const;
    /// For how long it is left alone after the last attempt; 0: there was none.
    [[nodiscard]] Delay delay(const Key& key) const;
    /// It was found changed before it was due: the last attempt did not last.
    void held(const Key& key);
    /// An attempt was made. `failed`: the kernel refused it.
    void tried(const Key& key, Time now, bool failed = false);
    /// Something else has changed: what failed is to be left alone for no longer than the shortest time.
    void hasten();
    /// True if nothing was said yet of how long it is left alone now; after this call, it was.
    [[nodiscard]] bool is_news(const Key& key);
    /// All is due.
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
