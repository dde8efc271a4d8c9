// SPDX-License-Identifier: Apache-2.0
#include "lbd/cluster/door.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

#include "lbd/cluster/out_queue.hpp"
#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;
using Time = Door::Clock::time_point;

TEST(Door, LetsFewOfOneAddressIn) {
    Door door;
    const auto v4 = address("192.0.2.1");
    for (std::size_t i = 0; i < Door::most_of_one_address; ++i) EXPECT_TRUE(door.enter(v4, Time{1h}));
    EXPECT_FALSE(door.enter(v4, Time{1h}));
    door.leave(v4);
    EXPECT_TRUE(door.enter(v4, Time{1h}));
    for (std::size_t i = 1; i <= Door::most_of_one_address; ++i)
        EXPECT_TRUE(door.enter(address(fmt::format("2001:db8::{}", i)), Time{1h}));
    EXPECT_FALSE(door.enter(address("2001:db8::9"), Time{1h})) << "a /64 is one host";
}

TEST(Door, StrangersKeepNoPeerOut) {
    Door door;
    door.set_peers({address("10.0.0.2"), address("2001:db8::2")});
    std::size_t inside = 0;
    for (int i = 1; i < 200; ++i)
        inside += door.enter(address(fmt::format("192.0.2.{}", i)), Time{1h} + i * 1s) ? 1 : 0;
    EXPECT_EQ(inside, Door::most_strangers);
    EXPECT_TRUE(door.enter(address("10.0.0.2"), Time{1h} + 200s));
    EXPECT_TRUE(door.enter(address("2001:db8::2"), Time{1h} + 200s));
}

TEST(Door, IsLeftWhereItWasEntered) {
    Door door;
    const auto from = address("2001:db8::2");
    const auto place = door.enter(from, Time{1h});
    ASSERT_EQ(place, address("2001:db8::"));
    door.set_peers({from});
    door.leave(*place);
    for (std::size_t i = 0; i < Door::most_of_one_address; ++i)
        EXPECT_TRUE(door.enter(address("2001:db8::7"), Time{1h}));
}

TEST(Door, StrangersHaveARate) {
    Door door;
    const auto at_once = [&](Time now) {
        int count = 0;
        for (int i = 1; i < 200; ++i) {
            const auto place = door.enter(address(fmt::format("192.0.2.{}", i)), now);
            if (!place) continue;
            door.leave(*place);
            ++count;
        }
        return count;
    };
    EXPECT_EQ(at_once(Time{1h}), 50);
    EXPECT_EQ(at_once(Time{1h} + 1s), 20);
}

TEST(OutQueue, GivesBytesInOrderAndCutsOffWhoTakesNone) {
    OutQueue queue;
    const auto message = [](std::size_t size, char c) { return std::make_shared<const std::string>(size, c); };
    queue.push(message(3, 'a'));
    queue.push(message(4, 'b'));
    std::array<std::uint8_t, 5> bytes{};
    EXPECT_EQ(queue.take(bytes), 5U);
    EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "aaabb");
    EXPECT_TRUE(queue.is_within_message());
    EXPECT_EQ(queue.bytes(), 2U);
    EXPECT_EQ(queue.take(bytes), 2U);
    EXPECT_TRUE(queue.empty());

    const auto shared = message(1 << 20, 'c');
    for (int i = 0; i < 64; ++i) queue.push(shared);
    EXPECT_FALSE(queue.is_overflown());
    queue.push(shared);
    EXPECT_TRUE(queue.is_overflown());
    EXPECT_TRUE(queue.empty()) << "and its memory is free";
}

}  // namespace
}  // namespace culvert::lbd
