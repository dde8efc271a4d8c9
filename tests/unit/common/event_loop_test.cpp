// SPDX-License-Identifier: Apache-2.0
#include "common/event_loop.hpp"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <future>
#include <optional>
#include <string>

#include "common/slow_call.hpp"

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

/// The loop of a process, and one for what goes on while a function of the first one waits.
class TwoLoops : public EventLoopTest {
  protected:
    EventLoop other = *EventLoop::open();
};

TEST_F(TwoLoops, FunctionsOfBothAreCalledInTurns) {
    int calls = 0, other_calls = 0;
    EventLoop::Source timer, other_timer;
    timer = *loop.timer([&] {
        if (++calls == 10) return loop.stop();
        timer.arm(0ms);
    });
    other_timer = *other.timer([&] {
        ++other_calls;
        other_timer.arm(0ms);
    });
    timer.arm(0ms);
    other_timer.arm(0ms);
    EXPECT_TRUE(loop.run_with(other));
    EXPECT_GE(other_calls, 5);
    EXPECT_LE(other_calls, 40);
}

TEST_F(TwoLoops, EachMayArmATimerOfTheOtherOne) {
    auto end = *loop.timer([&] { loop.stop(); });
    auto there = *other.timer([&] { end.arm(1ms); });
    auto here = *loop.timer([&] { there.arm(20ms); });
    here.arm(20ms);
    EXPECT_TRUE(loop.run_with(other));
}

TEST_F(TwoLoops, WhileAFunctionMakesASlowCallThoseOfTheOtherLoopAreCalled) {
    const SlowCall slow = call_aside(other);
    std::promise<void> seen;
    bool was_alone = false;
    int calls = 0;
    EventLoop::Source there, here, waits;
    there = *other.timer([&] {
        was_alone = other.runs_alone();
        seen.set_value();
    });
    here = *loop.timer([&] { ++calls; });
    waits = *loop.timer([&] {
        here.arm(0ms);
        there.arm(0ms);
        slow([&] { seen.get_future().wait(); });  // it would never end
        EXPECT_EQ(calls, 0) << "a function of this loop is under way";
        loop.stop();
    });
    waits.arm(0ms);
    EXPECT_TRUE(loop.run_with(other));
    EXPECT_TRUE(was_alone);
    EXPECT_FALSE(other.runs_alone());
}

// Of the two, only the first could go on meanwhile.
TEST_F(TwoLoops, AFunctionOfTheOtherLoopMayMakeASlowCallToo) {
    const SlowCall slow = call_aside(other);
    bool called = false;
    EventLoop::Source there;
    there = *other.timer([&] {
        slow([&] { called = true; });
        loop.stop();
    });
    there.arm(0ms);
    EXPECT_TRUE(loop.run_with(other));
    EXPECT_TRUE(called);
}

}  // namespace
}  // namespace culvert::common
