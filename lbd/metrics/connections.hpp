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

/// The connections of a server, and which of them to close to make room for a new one. One that is to be closed stays
/// until remove(), but is chosen only once. Times are passed in.
template <typename Id>
class Connections {
  public:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;

    void add(Id id, int socket, Time now) { all_[id] = {.socket = socket, .asks_since = now}; }
    void remove(Id id) { all_.erase(id); }
    [[nodiscard]] std::size_t size() const { return all_.size(); }
    /// Without those that are to be closed.
    [[nodiscard]] std::size_t staying() const {
        return static_cast<std::size_t>(
            std::ranges::count_if(all_, [](const auto& one) { return !one.second.closes; }));
    }

    /// The request is complete; the client is to read the answer.
    void reads(Id id, Time now) { all_.at(id).reads_since = now; }
    /// The answer has been read; the client may send another request.
    void asks(Id id, Time now) {
        Connection& one = all_.at(id);
        one.reads_since.reset();
        one.asks_since = now;
    }

    /// To be closed: sockets of clients whose request has lasted this long, even if bytes arrive now and then.
    [[nodiscard]] std::vector<int> close_slow(Time now, Clock::duration longest) {
        std::vector<int> sockets;
        for (auto& [id, one] : all_) {
            if (one.closes || one.reads_since || now - one.asks_since < longest) continue;
            one.closes = true;
            sockets.push_back(one.socket);
        }
        return sockets;
    }
    /// To be closed: the client whose request has lasted longest; nothing if all are reading answers.
    [[nodiscard]] std::optional<int> close_slowest_to_ask() {
        return close_oldest(
            [](const Connection& one) { return one.reads_since ? std::nullopt : std::optional(one.asks_since); });
    }
    /// To be closed: the client that has been reading longest.
    [[nodiscard]] std::optional<int> close_slowest_to_read() {
        return close_oldest([](const Connection& one) { return one.reads_since; });
    }

  private:
    struct Connection {
        int socket = -1;
        Time asks_since;
        std::optional<Time> reads_since = std::nullopt;
        bool closes = false;
    };

    template <typename Since>
    [[nodiscard]] std::optional<int> close_oldest(const Since& since) {
        Connection* found = nullptr;
        for (auto& [id, one] : all_)
            if (!one.closes && since(one) && (found == nullptr || *since(one) < *since(*found))) found = &one;
        if (found == nullptr) return std::nullopt;
        found->closes = true;
        return found->socket;
    }

    std::map<Id, Connection> all_;
};

}  // namespace culvert::lbd
