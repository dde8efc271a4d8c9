// SPDX-License-Identifier: Apache-2.0
#include "common/log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <spdlog/spdlog.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "common/fd.hpp"

namespace culvert::common {
namespace {

using testing::HasSubstr;
using testing::Not;

void log_as_told(const std::string& journal_stream) {
    setenv("JOURNAL_STREAM", journal_stream.c_str(), 1);
    log_to_stderr(ColorMode::never);
    unsetenv("JOURNAL_STREAM");
}

std::string stderr_as_journal() {
    struct stat status {};
    fstat(STDERR_FILENO, &status);
    return fmt::format("{}:{}", status.st_dev, status.st_ino);
}

TEST(LogTest, OthersThanTheJournalGetTimeAndLevel) {
    testing::internal::CaptureStderr();
    log_as_told("8:1");
    spdlog::info("one");
    log(spdlog::level::warn, {{"BACKEND", "10.0.0.3"}}, "two");
    spdlog::error("three");
    spdlog::shutdown();
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                testing::MatchesRegex("..:..:.....* info: one\n.* warning: two\n.* error: three\n"));
}

/// A journal of our own, at the usual path: in a child, which has its own /run, and forwards what it receives.
class Journal {
  public:
    /// Nothing if the child is not allowed to mount.
    static std::optional<std::string> of(void (*speak)(), bool listens) {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
        const Fd from(ends[0]);
        Fd to(ends[1]);
        const pid_t child = ::fork();
        if (child == 0) _exit(run(speak, listens, to.get()));
        to = Fd();
        std::string heard;
        std::array<char, 4096> buffer{};
        ssize_t length = 0;
        while ((length = ::read(from.get(), buffer.data(), buffer.size())) > 0)
            heard.append(buffer.data(), static_cast<std::size_t>(length));
        int status = 0;
        ::waitpid(child, &status, 0);
        if (status != 0) return std::nullopt;
        return heard;
    }

  private:
    /// Works without root, too.
    static bool has_own_run() {
        const std::string uid = fmt::format("0 {} 1", ::geteuid()), gid = fmt::format("0 {} 1", ::getegid());
        if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
        std::ofstream("/proc/self/setgroups") << "deny";
        std::ofstream("/proc/self/uid_map") << uid;
        std::ofstream("/proc/self/gid_map") << gid;
        return ::mount("none", "/run", "tmpfs", 0, nullptr) == 0 && ::mkdir("/run/systemd", 0755) == 0 &&
               ::mkdir("/run/systemd/journal", 0755) == 0;
    }

    static int run(void (*speak)(), bool listens, int to) {
        if (!has_own_run()) return 1;
        const Fd journal(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        const sockaddr_un place{.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
        if (listens && ::bind(journal.get(), reinterpret_cast<const sockaddr*>(&place), sizeof place) != 0) return 1;
        ::dup2(to, STDERR_FILENO);
        log_as_told(stderr_as_journal());
        speak();
        std::array<char, 4096> datagram{};
        ssize_t length = 0;
        while ((length = ::recv(journal.get(), datagram.data(), datagram.size(), 0)) > 0)
            if (::write(to, datagram.data(), static_cast<std::size_t>(length)) != length) return 1;
        return 0;
    }
};

void speak() {
    spdlog::info("one");
    log(spdlog::level::warn, {{"EVENT", "backend_down"}, {"BACKEND", "10.0.0.3"}}, "two");
    spdlog::error("three");
}

TEST(LogTest, TheJournalGetsFields) {
    const auto heard = Journal::of(speak, true);
    if (!heard) GTEST_SKIP() << "no user and mount namespaces";
    EXPECT_THAT(*heard, HasSubstr("PRIORITY=6\nMESSAGE=one\nSYSLOG_IDENTIFIER="));
    EXPECT_THAT(*heard, HasSubstr("PRIORITY=4\nMESSAGE=two\nCULVERT_EVENT=backend_down\nCULVERT_BACKEND=10.0.0.3\n"));
    EXPECT_THAT(*heard, HasSubstr("PRIORITY=3\nMESSAGE=three\nSYSLOG_IDENTIFIER="));
    EXPECT_THAT(*heard, Not(HasSubstr("CODE_FILE")));
}

TEST(LogTest, AJournalThatCannotBeReachedGetsLevelsItKnows) {
    const auto heard = Journal::of(speak, false);
    if (!heard) GTEST_SKIP() << "no user and mount namespaces";
    EXPECT_EQ(*heard, "<6>one\n<4>two\n<3>three\n");
}

}  // namespace
}  // namespace culvert::common
