// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <csignal>

namespace culvert::common {

/// Delays SIGINT and SIGTERM while it lives, so that they can't interrupt a command in the middle. The command checks
/// for them itself.
class StopSignals {
  public:
    StopSignals();
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    /// True if a signal has come, or comes within `time`.
    [[nodiscard]] bool within(std::chrono::milliseconds time) const;

  private:
    sigset_t signals_{};
    sigset_t before_{};
};

}  // namespace culvert::common
