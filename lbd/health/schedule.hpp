// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace culvert::lbd {

/// Who is due when. Each has one time at most; times are passed in.
class Schedule {
  public:
    using Time = std::chrono::steady_clock::time_point;
    using Who = std::size_t;

    /// In place of the time that it had.
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
    /// Those whose time has come, the earliest first; they have none any more.
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

/// When one that is asked every `interval` is first asked: `share` (0 to 1, of chance) of it from now, so that not all
/// are asked at once.
[[nodiscard]] inline Schedule::Time first_time(Schedule::Time now, std::chrono::milliseconds interval, double share) {
    return now + std::chrono::duration_cast<Schedule::Time::duration>(interval * share);
}

}  // namespace culvert::lbd
