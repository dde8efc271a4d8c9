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

/// When one that is asked every `interval` is first asked: at once, or within a second where it is one of many: `share`
/// (0 to 1) is of chance.
[[nodiscard]] inline Schedule::Time first_time(Schedule::Time now, std::chrono::milliseconds interval, double share) {
    using std::chrono::milliseconds;
    const milliseconds most = std::min(interval, milliseconds{1000});
    return now + std::chrono::duration_cast<Schedule::Time::duration>(most * share);
}
/// And when for the second time, so that from then on the questions are spread over the whole interval.
[[nodiscard]] inline Schedule::Time second_time(Schedule::Time first, std::chrono::milliseconds interval,
                                                double share) {
    return first + std::chrono::duration_cast<Schedule::Time::duration>(interval * share);
}

}  // namespace culvert::lbd
