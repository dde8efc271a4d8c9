// SPDX-License-Identifier: Apache-2.0
#include "common/log.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace culvert::common {
namespace {

std::string what_is_logged(const std::string& journal_stream) {
    testing::internal::CaptureStderr();
    struct stat status {};
    fstat(STDERR_FILENO, &status);
    const std::string here = fmt::format("{}:{}", status.st_dev, status.st_ino);
    setenv("JOURNAL_STREAM", (journal_stream == "here" ? here : journal_stream).c_str(), 1);
    log_to_stderr(ColorMode::never);
    spdlog::info("one");
    spdlog::warn("two");
    spdlog::error("three");
    spdlog::shutdown();
    unsetenv("JOURNAL_STREAM");
    return testing::internal::GetCapturedStderr();
}

TEST(LogTest, TheJournalGetsLevelsItKnows) { EXPECT_EQ(what_is_logged("here"), "<6>one\n<4>two\n<3>three\n"); }

TEST(LogTest, OthersGetTimeAndLevel) {
    EXPECT_THAT(what_is_logged("8:1"),
                testing::MatchesRegex("..:..:.....* info: one\n.* warning: two\n.* error: three\n"));
}

}  // namespace
}  // namespace culvert::common
