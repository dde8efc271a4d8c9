// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace culvert::lbd {

/// Who is connected to a server, and who of them has to go so that there is always room for one more. Times are passed
/// in.
template <typename Id>
class Connections {
  public:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;

    void add(Id id, int socket, Time now) { all_[id] = {.socket = socket, .asks_since = now, .reads_since = {}}; }
    void remove(Id id) { all_.erase(id); }
    [[nodiscard]] std::size_t size() const { return all_.size(); }

    /// It has asked, and is to read the answer.
    void reads(Id id, Time now) { all_.at(id).reads_since = now; }
    /// It has read all of it, and may ask again.
    void asks(Id id, Time now) {
        Connection& one = all_.at(id);
        one.reads_since.reset();
        one.asks_since = now;
    }

    /// The sockets of those who have been at their question for as long as this, bytes now and then or not.
    [[nodiscard]] std::vector<int> slow(Time now, Clock::duration longest) const {
        std::vector<int> sockets;
        for (const auto& [id, one] : all_)
            if (!one.reads_since && now - one.asks_since >= longest) sockets.push_back(one.socket);
        return sockets;
    }
    /// Whoever has been at its question the longest; nobody if all are reading answers.
    [[nodiscard]] std::optional<int> slowest_to_ask() const {
        return oldest(
            [](const Connection& one) { return one.reads_since ? std::nullopt : std::optional(one.asks_since); });
    }
    /// Whoever has been reading the longest.
    [[nodiscard]] std::optional<int> slowest_to_read() const {
        return oldest([](const Connection& one) { return one.reads_since; });
    }

  private:
    struct Connection {
        int socket = -1;
        Time asks_since;
        std::optional<Time> reads_since;
    };

    template <typename Since>
    [[nodiscard]] std::optional<int> oldest(const Since& since) const {
        std::optional<std::pair<Time, int>> found;
        for (const auto& [id, one] : all_)
            if (const auto time = since(one); time && (!found || *time < found->first)) found = {*time, one.socket};
        return found ? std::optional(found->second) : std::nullopt;
    }

    std::map<Id, Connection> all_;
};

}  // namespace culvert::lbd
