// SPDX-License-Identifier: Apache-2.0
#include "common/event_loop.hpp"

#include <sys/epoll.h>
#include <systemd/sd-event.h>
#include <time.h>

#include <utility>

namespace culvert::common {
namespace {

using netlink::failure;
using netlink::Result;

int call(void* userdata, std::uint32_t argument) {
    const auto function = *static_cast<std::shared_ptr<std::function<void(std::uint32_t)>>*>(userdata);
    (*function)(argument);  // the call may destroy the source, but not this copy
    return 0;
}

}  // namespace

void EventLoop::Release::operator()(sd_event* event) const { ::sd_event_unref(event); }
void EventLoop::Source::Release::operator()(sd_event_source* source) const { ::sd_event_source_disable_unref(source); }

void EventLoop::Source::arm(std::chrono::milliseconds time) {
    std::uint64_t now = 0;
    std::uint64_t armed = 0;
    ::sd_event_now(::sd_event_source_get_event(source_.get()), CLOCK_MONOTONIC, &now);
    const std::uint64_t wanted = now + static_cast<std::uint64_t>(time.count()) * 1000;
    if (::sd_event_source_get_enabled(source_.get(), nullptr) > 0 &&
        ::sd_event_source_get_time(source_.get(), &armed) >= 0 && armed <= wanted)
        return;
    ::sd_event_source_set_time(source_.get(), wanted);
    ::sd_event_source_set_enabled(source_.get(), SD_EVENT_ONESHOT);
}

void EventLoop::Source::watch(std::uint32_t events) { ::sd_event_source_set_io_events(source_.get(), events); }

Result<EventLoop> EventLoop::open() {
    sd_event* event = nullptr;
    if (const int error = ::sd_event_new(&event); error < 0) return failure("open", "event loop", -error);
    return EventLoop(Handle(event));
}

template <typename Add>
Result<EventLoop::Source> EventLoop::add(const char* what, Source::Function function, Add&& add) {
    Source source;
    source.function_ =
        std::make_unique<std::shared_ptr<Source::Function>>(std::make_shared<Source::Function>(std::move(function)));
    sd_event_source* added = nullptr;
    if (const int error = add(&added, source.function_.get()); error < 0) return failure("wait for", what, -error);
    source.source_.reset(added);
    return source;
}

Result<EventLoop::Source> EventLoop::on_io(int fd, std::uint32_t events, std::function<void(std::uint32_t)> function) {
    const auto happened = [](sd_event_source*, int, std::uint32_t which, void* data) { return call(data, which); };
    return add("a descriptor", std::move(function), [&](sd_event_source** source, void* data) {
        return ::sd_event_add_io(event_.get(), source, fd, events, happened, data);
    });
}

Result<EventLoop::Source> EventLoop::timer(std::function<void()> function) {
    const auto happened = [](sd_event_source*, std::uint64_t, void* data) { return call(data, 0); };
    return add(
        "a time", [function = std::move(function)](std::uint32_t) { function(); },
        [&](sd_event_source** source, void* data) {
            constexpr std::uint64_t accuracy = 1000;  // microseconds
            const int result = ::sd_event_add_time(event_.get(), source, CLOCK_MONOTONIC, 0, accuracy, happened, data);
            return result < 0 ? result : ::sd_event_source_set_enabled(*source, SD_EVENT_OFF);
        });
}

Result<EventLoop::Source> EventLoop::on_signal(int signal, std::function<void()> function) {
    const auto happened = [](sd_event_source*, const signalfd_siginfo*, void* data) { return call(data, 0); };
    return add(
        "a signal", [function = std::move(function)](std::uint32_t) { function(); },
        [&](sd_event_source** source, void* data) {
            return ::sd_event_add_signal(event_.get(), source, signal | SD_EVENT_SIGNAL_PROCMASK, happened, data);
        });
}

void EventLoop::feed_watchdog() { ::sd_event_set_watchdog(event_.get(), 1); }

Result<> EventLoop::run() {
    if (const int error = ::sd_event_loop(event_.get()); error < 0) return failure("run", "event loop", -error);
    return {};
}

Result<> EventLoop::run_with(EventLoop& other) {
    sd_event* const inner = other.event_.get();
    // sd_event_run() also sets the timers that its descriptor waits for.
    TRY(const Source wakes, on_io(::sd_event_get_fd(inner), EPOLLIN, [](std::uint32_t) {}));
    while (::sd_event_get_state(event_.get()) != SD_EVENT_FINISHED) {
        const int called = ::sd_event_run(inner, 0);
        if (called < 0) return failure("run", "event loop", -called);
        const std::uint64_t longest = called > 0 ? 0 : UINT64_MAX;  // more may be pending there
        if (const int error = ::sd_event_run(event_.get(), longest); error < 0)
            return failure("run", "event loop", -error);
    }
    return {};
}

void EventLoop::run_while(const std::function<bool()>& goes_on) {
    constexpr std::uint64_t longest = 1000;  // microseconds
    const bool before = std::exchange(runs_alone_, true);
    while (goes_on() && ::sd_event_run(event_.get(), longest) >= 0) continue;
    runs_alone_ = before;
}

void EventLoop::stop() { ::sd_event_exit(event_.get(), 0); }

}  // namespace culvert::common
