// SPDX-License-Identifier: Apache-2.0
#include "common/event_loop.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <optional>
#include <string>

namespace culvert::common {
namespace {

using namespace std::chrono_literals;

class EventLoopTest : public testing::Test {
  protected:
    EventLoop loop = *EventLoop::open();
};

TEST_F(EventLoopTest, ATimerThatIsArmedTwiceCallsOnceAtTheEarlierTime) {
    int calls = 0;
    auto sooner_first = *loop.timer([&] { ++calls; });
    auto later_first = *loop.timer([&] { ++calls; });
    auto end = *loop.timer([&] { loop.stop(); });
    sooner_first.arm(1ms);
    sooner_first.arm(1h);
    later_first.arm(1h);
    later_first.arm(1ms);
    end.arm(50ms);
    EXPECT_TRUE(loop.run());
    EXPECT_EQ(calls, 2);
}

TEST_F(EventLoopTest, ATimerCanBeArmedAgainByItsFunction) {
    int calls = 0;
    EventLoop::Source timer;
    timer = *loop.timer([&] {
        if (++calls == 3) return loop.stop();
        timer.arm(1ms);
    });
    timer.arm(0ms);
    EXPECT_TRUE(loop.run());
    EXPECT_EQ(calls, 3);
}

TEST_F(EventLoopTest, AFunctionMayDestroyItsSource) {
    std::optional<EventLoop::Source> timer;
    const std::string what_it_holds(1000, 'x');
    timer = *loop.timer([&, what_it_holds] {
        timer.reset();
        EXPECT_EQ(what_it_holds, std::string(1000, 'x'));
        loop.stop();
    });
    timer->arm(0ms);
    EXPECT_TRUE(loop.run());
}

TEST_F(EventLoopTest, Descriptors) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const auto readable = *loop.on_io(pipe[0], EPOLLIN, [&](std::uint32_t events) {
        EXPECT_EQ(events, EPOLLIN);
        loop.stop();
    });
    EXPECT_FALSE(loop.on_io(pipe[0], EPOLLIN, {})) << "one descriptor, one source";
    ASSERT_EQ(::write(pipe[1], "x", 1), 1);
    EXPECT_TRUE(loop.run());
    ::close(pipe[0]);
    ::close(pipe[1]);
}

TEST_F(EventLoopTest, Signals) {
    const auto signal = *loop.on_signal(SIGUSR1, [&] { loop.stop(); });
    ASSERT_EQ(::raise(SIGUSR1), 0);
    EXPECT_TRUE(loop.run());
}

}  // namespace
}  // namespace culvert::common
