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

/// The connections of a server, and which of them to close to make room for a new one. Times are passed in.
template <typename Id>
class Connections {
  public:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;

    void add(Id id, int socket, Time now) { all_[id] = {.socket = socket, .asks_since = now, .reads_since = {}}; }
    void remove(Id id) { all_.erase(id); }
    [[nodiscard]] std::size_t size() const { return all_.size(); }

    /// The request is complete; the client is to read the answer.
    void reads(Id id, Time now) { all_.at(id).reads_since = now; }
    /// The answer has been read; the client may send another request.
    void asks(Id id, Time now) {
        Connection& one = all_.at(id);
        one.reads_since.reset();
        one.asks_since = now;
    }

    /// Sockets of clients whose request has lasted this long, even if bytes arrive now and then.
    [[nodiscard]] std::vector<int> slow(Time now, Clock::duration longest) const {
        std::vector<int> sockets;
        for (const auto& [id, one] : all_)
            if (!one.reads_since && now - one.asks_since >= longest) sockets.push_back(one.socket);
        return sockets;
    }
    /// The client whose request has lasted longest; nothing if all are reading answers.
    [[nodiscard]] std::optional<int> slowest_to_ask() const {
        return oldest(
            [](const Connection& one) { return one.reads_since ? std::nullopt : std::optional(one.asks_since); });
    }
    /// The client that has been reading longest.
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
