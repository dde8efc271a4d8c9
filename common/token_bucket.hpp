// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <utility>

namespace culvert::common {

/// Allows `burst` at once, and `per_second` in the long run. The caller passes the time, which never goes back.
class TokenBucket {
  public:
    using Clock = std::chrono::steady_clock;

    TokenBucket(double burst, double per_second) : burst_(burst), per_second_(per_second), left_(burst) {}

    [[nodiscard]] bool has_any(Clock::time_point now) {
        fill(now);
        return left_ >= 1;
    }
    /// False if there was no token.
    bool take(Clock::time_point now) {
        const bool had = has_any(now);
        if (had) --left_;
        return had;
    }

  private:
    void fill(Clock::time_point now) {
        const std::chrono::duration<double> passed = now - std::exchange(filled_, now);
        left_ = std::min(burst_, left_ + passed.count() * per_second_);
    }

    double burst_;
    double per_second_;
    double left_;
    Clock::time_point filled_{};
};

}  // namespace culvert::common
