// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace culvert::lbd {

/// Messages that wait to be sent. Several queues may share one.
class OutQueue {
  public:
    using Clock = std::chrono::steady_clock;

    static constexpr std::size_t most_bytes = 64 << 20;

    void push(std::shared_ptr<const std::string> message) {
        if (overflown_) return;
        bytes_ += message->size();
        messages_.push_back({std::move(message), Clock::now()});
        if (bytes_ <= most_bytes) return;
        overflown_ = true;
        messages_ = {};
    }
    /// Fills `into` as far as possible.
    [[nodiscard]] std::size_t take(std::span<std::uint8_t> into) {
        std::size_t size = 0;
        while (!messages_.empty() && size < into.size()) {
            const std::string& front = *messages_.front().bytes;
            const std::size_t part = std::min(front.size() - taken_, into.size() - size);
            std::memcpy(into.data() + size, front.data() + taken_, part);
            size += part;
            taken_ += part;
            if (taken_ < front.size()) continue;
            messages_.pop_front();
            taken_ = 0;
        }
        bytes_ -= size;
        return size;
    }

    [[nodiscard]] bool empty() const { return messages_.empty(); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    /// There was more than may wait. Nothing is kept.
    [[nodiscard]] bool is_overflown() const { return overflown_; }
    /// Only a part of a message was taken.
    [[nodiscard]] bool is_within_message() const { return taken_ != 0; }
    /// When the first message came; now if there is none.
    [[nodiscard]] Clock::time_point since() const { return messages_.empty() ? Clock::now() : messages_.front().since; }

  private:
    struct Waiting {
        std::shared_ptr<const std::string> bytes;
        Clock::time_point since;
    };
    std::deque<Waiting> messages_;
    std::size_t taken_ = 0;  // bytes of the first message
    std::size_t bytes_ = 0;
    bool overflown_ = false;
};

}  // namespace culvert::lbd
