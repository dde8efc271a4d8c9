// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/script_probe.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "common/fd.hpp"

namespace culvert::lbd {
namespace {

using netlink::failure;

std::vector<std::string> environment(const Subject& subject) {
    std::vector<std::string> all{"CULVERT_SERVICE=" + subject.service,
                                 "CULVERT_BACKEND=" + subject.backend,
                                 "CULVERT_BACKEND_ADDRESS=" + subject.backend_address.to_string(),
                                 "CULVERT_VIP=" + subject.vip.to_string(),
                                 "CULVERT_ADDRESS=" + subject.address.to_string(),
                                 fmt::format("CULVERT_PORT={}", subject.port)};
    for (char** one = environ; *one != nullptr; ++one) all.emplace_back(*one);
    return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

/// Attributes for posix_spawn: no input, no output, no blocked signals.
struct Circumstances {
    posix_spawn_file_actions_t files{};
    posix_spawnattr_t attributes{};

    Circumstances() {
        ::posix_spawn_file_actions_init(&files);
        for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
            ::posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
        sigset_t none;
        ::sigemptyset(&none);
        ::posix_spawnattr_init(&attributes);
        ::posix_spawnattr_setsigmask(&attributes, &none);
        ::posix_spawnattr_setpgroup(&attributes, 0);
        ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    }
    ~Circumstances() {
        ::posix_spawn_file_actions_destroy(&files);
        ::posix_spawnattr_destroy(&attributes);
    }
    Circumstances(const Circumstances&) = delete;
    Circumstances& operator=(const Circumstances&) = delete;
};

class ScriptProbe : public Probe {
  public:
    ScriptProbe(pid_t pid, Done done)
        : pid_(pid), handle_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))), done_(std::move(done)) {}
    ~ScriptProbe() override {
        if (!ended_) (void)end();
    }

    netlink::Result<> begin(EventLoop& loop) {
        if (!handle_.is_open()) return failure("wait for", "a script", errno);
        TRY(io_, loop.on_io(handle_.get(), EPOLLIN, [this](std::uint32_t) { hear(); }));
        return {};
    }

  private:
    /// Kills the script's process group, and returns the script's exit status.
    int end() {
        int status = 0;
        ::kill(-pid_, SIGKILL);
        ::waitpid(pid_, &status, 0);
        ended_ = true;
        return status;
    }

    void hear() {
        const int status = end();  // it has already ended, so the signal does not change its status
        Finding finding{.answered = WIFEXITED(status) && WEXITSTATUS(status) == 0, .reason = {}};
        if (WIFSIGNALED(status))
            finding.reason = fmt::format("the script was killed by signal {}", WTERMSIG(status));
        else if (!finding.answered)
            finding.reason = fmt::format("the script's exit status is {}", WEXITSTATUS(status));
        const Done done = std::move(done_);
        done(std::move(finding));
    }

    pid_t pid_;
    bool ended_ = false;
    common::Fd handle_;
    Done done_;
    EventLoop::Source io_;
};

}  // namespace

StartedProbe start_script_probe(EventLoop& loop, const ScriptCheck& check, const Subject& subject, Probe::Done done) {
    std::vector<std::string> arguments = check.command;
    std::vector<std::string> variables = environment(subject);
    const Circumstances how;
    pid_t pid = -1;
    if (const int error = ::posix_spawnp(&pid, arguments[0].c_str(), &how.files, &how.attributes,
                                         pointers(arguments).data(), pointers(variables).data());
        error != 0)
        return failure("run", arguments[0], error);
    auto probe = std::make_unique<ScriptProbe>(pid, std::move(done));
    CHECK_OK(probe->begin(loop));
    return probe;
}

}  // namespace culvert::lbd
