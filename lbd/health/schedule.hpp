// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace culvert::lbd {

/// When to handle whom. Each has at most one time; times are passed in.
class Schedule {
  public:
    using Time = std::chrono::steady_clock::time_point;
    using Who = std::size_t;

    /// Replaces the earlier time, if any.
    void put(Who who, Time time) {
        remove(who);
        times_.emplace(who, time);
        queue_.emplace(time, who);
    }
    void remove(Who who) {
        const auto known = times_.find(who);
        if (known == times_.end()) return;
        queue_.erase({known->second, who});
        times_.erase(known);
    }
    [[nodiscard]] std::optional<Time> next() const {
        return queue_.empty() ? std::nullopt : std::optional(queue_.begin()->first);
    }
    /// Returns those that are due, the earliest first, and removes them.
    [[nodiscard]] std::vector<Who> take_due(Time now) {
        std::vector<Who> due;
        while (!queue_.empty() && queue_.begin()->first <= now) {
            due.push_back(queue_.begin()->second);
            remove(due.back());
        }
        return due;
    }

  private:
    std::set<std::pair<Time, Who>> queue_;
    std::map<Who, Time> times_;
};

/// When a backend that is checked every `interval` is first checked: within a second, so that many backends are not
/// checked at once. `share` is a random number, 0 to 1.
[[nodiscard]] inline Schedule::Time first_time(Schedule::Time now, std::chrono::milliseconds interval, double share) {
    using std::chrono::milliseconds;
    const milliseconds most = std::min(interval, milliseconds{1000});
    return now + std::chrono::duration_cast<Schedule::Time::duration>(most * share);
}
/// When it is checked for the second time. From then on checks are spread over the whole interval.
[[nodiscard]] inline Schedule::Time second_time(Schedule::Time first, std::chrono::milliseconds interval,
                                                double share) {
    return first + std::chrono::duration_cast<Schedule::Time::duration>(interval * share);
}

}  // namespace culvert::lbd
