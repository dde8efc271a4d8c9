// SPDX-License-Identifier: Apache-2.0
#include "common/terminal.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <cstdlib>

namespace culvert::common {
namespace {

/// The slave end of a terminal, in an environment without NO_COLOR.
class Terminal : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_EQ(openpty(&master_, &slave_, nullptr, nullptr, nullptr), 0);
        unsetenv("NO_COLOR");
        setenv("TERM", "xterm", 1);
    }
    void TearDown() override {
        close(master_);
        close(slave_);
        unsetenv("NO_COLOR");
    }
    int master_ = -1;
    int slave_ = -1;
};

TEST_F(Terminal, IsColoured) { EXPECT_TRUE(use_color(ColorMode::automatic, slave_)); }

TEST_F(Terminal, IsNotColouredIfTheEnvironmentSaysSo) {
    setenv("NO_COLOR", "1", 1);
    EXPECT_FALSE(use_color(ColorMode::automatic, slave_));
    EXPECT_TRUE(use_color(ColorMode::always, slave_)) << "the command line has priority";
    setenv("NO_COLOR", "", 1);
    EXPECT_TRUE(use_color(ColorMode::automatic, slave_)) << "an empty NO_COLOR has no effect";
}

TEST_F(Terminal, IsNotColouredIfItIsDumb) {
    setenv("TERM", "dumb", 1);
    EXPECT_FALSE(use_color(ColorMode::automatic, slave_));
}

TEST_F(Terminal, WhatIsNoneIsNotColoured) {
    const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    EXPECT_FALSE(use_color(ColorMode::automatic, null));
    close(null);
    EXPECT_FALSE(use_color(ColorMode::never, slave_));
}

TEST(ColorModeNames, AreThoseOfTheOption) {
    EXPECT_EQ(color_mode("auto"), ColorMode::automatic);
    EXPECT_EQ(color_mode("always"), ColorMode::always);
    EXPECT_EQ(color_mode("never"), ColorMode::never);
    EXPECT_EQ(color_mode("yes"), std::nullopt);
}

TEST(Paint, AddsNothingWithoutColour) {
    EXPECT_EQ(paint("up", Color::green, true), "\x1b[32mup\x1b[0m");
    EXPECT_EQ(paint("up", Color::green, false), "up");
    EXPECT_EQ(paint("up", Color::none, true), "up");
}

TEST(Table, AlignsColumnsAndEndsLinesAtTheText) {
    Table table({{"NAME"}, {"PACKETS", Table::Align::right}, {"STATE"}});
    table.add({{"dns"}, {"7"}, {"active"}});
    table.add({{"web-with-a-name"}, {"1234567890"}});
    table.add({{""}, {"8"}, {"drain"}});
    EXPECT_EQ(table.to_string(false),
              "NAME                PACKETS  STATE\n"
              "dns                       7  active\n"
              "web-with-a-name  1234567890\n"
              "                          8  drain\n");
}

TEST(Table, CountsCharactersNotBytesOrColours) {
    Table table({{"A"}, {"B"}});
    table.add({{"zürich", Color::red}, {"x"}});
    table.add({{"bern"}, {"y"}});
    EXPECT_EQ(table.to_string(true),
              "\x1b[1mA\x1b[0m       \x1b[1mB\x1b[0m\n"
              "\x1b[31mzürich\x1b[0m  x\n"
              "bern    y\n");
}

}  // namespace
}  // namespace culvert::common
