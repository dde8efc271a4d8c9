// SPDX-License-Identifier: Apache-2.0
#include "realserver/record/lock.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace culvert::realserver {
namespace {

class LockTest : public testing::Test {
  protected:
    LockTest() {
        std::string name = "/dev/shm/culvert-lock.XXXXXX";
        directory_ = mkdtemp(name.data());
    }
    ~LockTest() override { std::filesystem::remove_all(directory_); }

    std::filesystem::path directory_;
    const std::string us_ = "process " + std::to_string(getpid()) + " (realserver_unit)";
};

TEST_F(LockTest, OneChangesAtATimeAndTheOthersSayOnceForWhomTheyWait) {
    std::vector<std::string> waits;
    const auto on_wait = [&](const std::string& holder) { waits.push_back(holder); };
    auto first = Lock::to_change(directory_, {}, on_wait);
    ASSERT_TRUE(first);
    const auto second = Lock::to_change(directory_, std::chrono::milliseconds(50), on_wait);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, EBUSY);
    EXPECT_EQ(second.error().kernel, "another realserver is running: " + us_);
    EXPECT_EQ(waits, std::vector{us_});
    first = Lock::to_change(directory_ / "made", {});
    ASSERT_TRUE(first);
    EXPECT_TRUE(Lock::to_change(directory_, {}));
}

TEST_F(LockTest, OneMonitorsAndTheOthersSeeWho) {
    const auto file = directory_ / "1.monitor";
    EXPECT_EQ(Lock::monitor(file).value(), std::nullopt);
    {
        const auto first = Lock::to_monitor(file);
        ASSERT_TRUE(first);
        EXPECT_EQ(Lock::monitor(file).value(), us_);
        EXPECT_FALSE(Lock::to_monitor(file));
    }
    EXPECT_EQ(Lock::monitor(file).value(), std::nullopt);
    EXPECT_TRUE(Lock::to_monitor(file));
}

}  // namespace
}  // namespace culvert::realserver
