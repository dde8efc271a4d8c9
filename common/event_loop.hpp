// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "netlink/result.hpp"

struct sd_event;
struct sd_event_source;

namespace culvert::common {

/// sd-event: waits for descriptors, timers and signals, and calls functions one after the other.
class EventLoop {
  public:
    /// One thing to wait for, until this is destroyed. Its own function may destroy it.
    class Source {
      public:
        Source() = default;
        /// A timer: calls its function once, after `time`. If it is armed already, the earlier time wins.
        void arm(std::chrono::milliseconds time);
        /// A descriptor: waits for these events from now on.
        void watch(std::uint32_t events);

      private:
        friend class EventLoop;
        using Function = std::function<void(std::uint32_t)>;
        struct Release {
            void operator()(sd_event_source* source) const;
        };

        std::unique_ptr<std::shared_ptr<Function>> function_;  // its address must not change
        std::unique_ptr<sd_event_source, Release> source_;     // destroyed first
    };

    [[nodiscard]] static netlink::Result<EventLoop> open();

    /// Calls `function(events)` when one of the events (EPOLLIN, …) happens.
    [[nodiscard]] netlink::Result<Source> on_io(int fd, std::uint32_t events,
                                                std::function<void(std::uint32_t)> function);
    /// Not armed yet.
    [[nodiscard]] netlink::Result<Source> timer(std::function<void()> function);
    /// Replaces the signal's default action.
    [[nodiscard]] netlink::Result<Source> on_signal(int signal, std::function<void()> function);

    /// From now on, reports to systemd's watchdog, if it watches this process, that the loop runs.
    void feed_watchdog();

    /// Returns after stop().
    [[nodiscard]] netlink::Result<> run();
    /// Likewise, and calls the functions of `other`, too, in turns with its own. What must go on while a function of
    /// this loop waits belongs to `other`: see run_while().
    [[nodiscard]] netlink::Result<> run_with(EventLoop& other);
    void stop();

    /// Calls functions as long as `goes_on` says so. It is asked each millisecond, and after each function. A function
    /// of another loop may call this; if one of this loop does, it returns at once.
    void run_while(const std::function<bool()>& goes_on);
    /// Whether run_while() calls: a function of another loop is under way.
    [[nodiscard]] bool runs_alone() const { return runs_alone_; }

  private:
    struct Release {
        void operator()(sd_event* event) const;
    };
    using Handle = std::unique_ptr<sd_event, Release>;

    explicit EventLoop(Handle event) : event_(std::move(event)) {}

    template <typename Add>
    netlink::Result<Source> add(const char* what, Source::Function function, Add&& add);

    Handle event_;
    bool runs_alone_ = false;
};

}  // namespace culvert::common
