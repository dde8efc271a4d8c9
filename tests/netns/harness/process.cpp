// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/harness/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "tests/netns/harness/json_output.hpp"

namespace culvert::netns {

using namespace std::chrono_literals;

namespace {

/// A file in memory; its writer and its reader don't wait for each other.
FileDescriptor memory_file(std::string_view content) {
    FileDescriptor file(memfd_create("culvert", MFD_CLOEXEC));
    if (file.get() < 0) throw std::system_error(errno, std::generic_category(), "memfd_create");
    if (write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()))
        throw std::system_error(errno, std::generic_category(), "write");
    lseek(file.get(), 0, SEEK_SET);
    return file;
}

std::string content_of(const FileDescriptor& file) {
    struct stat status {};
    fstat(file.get(), &status);
    std::string content(static_cast<std::size_t>(status.st_size), '\0');
    const ssize_t size = pread(file.get(), content.data(), content.size(), 0);
    content.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    return content;
}

bool ends_within(const FileDescriptor& handle, Milliseconds timeout) {
    pollfd event{.fd = handle.get(), .events = POLLIN, .revents = 0};
    return poll(&event, 1, static_cast<int>(timeout.count())) == 1;
}

/// Where CMake puts the programs, below a build directory.
constexpr std::array directories{"lbd", "realserver", "tests/netns"};

std::filesystem::path build_directory() {
    if (const char* named = std::getenv("CULVERT_BUILD")) return std::filesystem::absolute(named);
    return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path().parent_path();
}

bool put_programs_on_path() {
    std::string path;
    for (const char* directory : directories) path += (build_directory() / directory).string() + ":";
    return setenv("PATH", (path + std::getenv("PATH")).c_str(), 1) == 0;
}
[[maybe_unused]] const bool programs_are_on_path = put_programs_on_path();

}  // namespace

const bool is_emulated = std::getenv("CULVERT_VM") != nullptr;
const Milliseconds patience = is_emulated ? 150s : 60s;

std::string program(std::string_view name) {
    for (const char* directory : directories)
        if (auto path = build_directory() / directory / name; std::filesystem::is_regular_file(path)) return path;
    throw std::runtime_error(fmt::format("{} is not built in {}", name, build_directory().string()));
}

int count(const std::string& text, std::string_view words) {
    int found = 0;
    for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++found;
    return found;
}

bool eventually(const std::function<bool()>& question, Milliseconds timeout) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + timeout;
    for (Milliseconds pause{2};; pause = std::min(pause * 2, Milliseconds{100})) {
        const auto asked = Clock::now();
        if (question()) return true;
        const auto answered = Clock::now();
        if (answered >= deadline) return false;
        // At least as long as the question took, so that an emulated processor also gets on with what is waited for.
        std::this_thread::sleep_for(std::max<Clock::duration>(pause, answered - asked));
    }
}

Arguments split_words(std::string_view command) {
    Arguments words;
    bool in_word = false;
    char quote = 0;
    for (const char c : command) {
        const bool blank = quote == 0 && (c == ' ' || c == '\n' || c == '\t');
        if (blank) {
            in_word = false;
            continue;
        }
        if (!std::exchange(in_word, true)) words.emplace_back();
        if (c == quote)
            quote = 0;
        else if (quote == 0 && (c == '\'' || c == '"'))
            quote = c;
        else
            words.back() += c;
    }
    if (quote != 0) throw std::runtime_error(fmt::format("a quotation without an end: {}", command));
    return words;
}

std::ostream& operator<<(std::ostream& stream, const Output& output) {
    return stream << "exit status " << output.status << '\n' << output.out << output.err;
}

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

FileDescriptor::~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
}

Process::Process(const Arguments& arguments, std::string_view input, const std::function<bool()>& before_exec)
    : arguments_(arguments), out_(memory_file({})), err_(memory_file({})) {
    const FileDescriptor in = memory_file(input);
    std::vector<char*> words;
    for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);

    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        const bool ready = getppid() == parent && before_exec() && dup2(in.get(), STDIN_FILENO) >= 0 &&
                           dup2(out_.get(), STDOUT_FILENO) >= 0 && dup2(err_.get(), STDERR_FILENO) >= 0;
        if (ready) execvp(words[0], words.data());
        dprintf(err_.get(), "cannot run %s: %s\n", words[0], strerror(errno));
        _exit(127);
    }
    handle_ = FileDescriptor(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
}

Process::Process(Process&& other) noexcept
    : arguments_(std::move(other.arguments_)),
      pid_(std::exchange(other.pid_, -1)),
      handle_(std::move(other.handle_)),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)) {}

Process& Process::operator=(Process&& other) noexcept {
    std::swap(arguments_, other.arguments_);
    std::swap(pid_, other.pid_);
    std::swap(handle_, other.handle_);
    std::swap(out_, other.out_);
    std::swap(err_, other.err_);
    return *this;
}

Process::~Process() {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    compare_with_reference(arguments_, out());
}

std::string Process::name() const { return fmt::format("{}", fmt::join(arguments_, " ")); }

bool Process::running() const { return pid_ >= 0 && !ends_within(handle_, Milliseconds{0}); }

bool Process::sleeping() const {
    std::ifstream stat(fmt::format("/proc/{}/stat", pid_));
    std::string text;
    std::getline(stat, text);
    return text.find(") S ") != std::string::npos;  // proc(5): pid (name) state …
}

std::string Process::out() const { return content_of(out_); }

std::string Process::err() const { return content_of(err_); }

void Process::wait_for(std::string_view text, Milliseconds timeout) const {
    const auto printed = [&] { return out().find(text) != std::string::npos || err().find(text) != std::string::npos; };
    const bool asked_to_the_end = eventually([&] { return !running() || printed(); }, timeout);
    if (printed()) return;
    throw std::runtime_error(fmt::format("{}\n{} without printing '{}'; it printed:\n{}{}", name(),
                                         asked_to_the_end ? "ended" : "went on", text, out(), err()));
}

Output Process::wait(Milliseconds timeout) {
    if (!ends_within(handle_, timeout))
        throw std::runtime_error(
            fmt::format("{}\ndid not end within {} ms; it printed:\n{}{}", name(), timeout.count(), out(), err()));
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    compare_with_reference(arguments_, out());
    return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), out(), err()};
}

Output Process::stop(int signal, Milliseconds timeout) {
    kill(pid_, signal);
    return wait(timeout);
}

}  // namespace culvert::netns
