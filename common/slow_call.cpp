// SPDX-License-Identifier: Apache-2.0
#include "common/slow_call.hpp"

#include <chrono>
#include <future>
#include <system_error>

namespace culvert::common {
namespace {

std::future<void> begin(const std::function<void()>& call) {
    try {
        return std::async(std::launch::async, [&call] { call(); });
    } catch (const std::system_error&) {  // there is no thread to be had
        return std::async(std::launch::deferred, [&call] { call(); });
    }
}

}  // namespace

SlowCall call_aside(EventLoop& loop) {
    return [&loop](const std::function<void()>& call) {
        std::future<void> done = begin(call);
        loop.run_while([&] { return done.wait_for(std::chrono::seconds(0)) == std::future_status::timeout; });
        done.get();
    };
}

}  // namespace culvert::common
