// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <csignal>

namespace culvert::common {

/// SIGINT and SIGTERM end what a command does, but not in its middle: they are held back while this lives, and asked
/// for.
class StopSignals {
  public:
    StopSignals();
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    /// Whether one has come, or comes before the time is up.
    [[nodiscard]] bool within(std::chrono::milliseconds time) const;

  private:
    sigset_t signals_{};
    sigset_t before_{};
};

}  // namespace culvert::common
