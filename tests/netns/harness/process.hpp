// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

/// The harness for tests that run the built programs in network namespaces. Errors of the harness (not of the tested
/// programs) are thrown as std::runtime_error, which fails the test with the text.
namespace culvert::netns {

using Milliseconds = std::chrono::milliseconds;

/// Long enough for anything, even on an emulated processor that shares its host. Only a failing test waits that long.
extern const Milliseconds patience;
/// In tests/vm, where everything takes ten times as long.
extern const bool is_emulated;

/// The path of a built program, for example "lbd", in the build of this test or in $CULVERT_BUILD. Hosts also find
/// programs by name.
[[nodiscard]] std::string program(std::string_view name);

/// How often the text contains the words.
[[nodiscard]] int count(const std::string& text, std::string_view words);

/// Repeats the question until the answer is yes or the time is up. Returns the last answer.
[[nodiscard]] bool eventually(const std::function<bool()>& question, Milliseconds timeout = patience);

using Arguments = std::vector<std::string>;

/// Splits at blanks; 'a b' and "a b" are one word. No other shell syntax: for a pipe, run sh -c '…'.
[[nodiscard]] Arguments split_words(std::string_view command);

/// A program's output, and its exit status or 128 + the signal that ended it.
struct Output {
    int status;
    std::string out;
    std::string err;

    [[nodiscard]] bool ok() const { return status == 0; }
};
std::ostream& operator<<(std::ostream& stream, const Output& output);

/// An open file, closed with its owner.
class FileDescriptor {
  public:
    explicit FileDescriptor(int fd = -1) : fd_(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept;
    FileDescriptor& operator=(FileDescriptor&& other) noexcept;
    ~FileDescriptor();
    [[nodiscard]] int get() const { return fd_; }

  private:
    int fd_;
};

/// A running program. It is killed when its owner is destroyed, or when the test process ends in any way.
class Process {
  public:
    /// Starts a program with `input` as standard input. `before_exec` runs in the child (no allocation there) and
    /// returns whether it succeeded.
    Process(const Arguments& arguments, std::string_view input, const std::function<bool()>& before_exec);
    Process(Process&& other) noexcept;
    Process& operator=(Process&& other) noexcept;
    ~Process();

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] bool running() const;
    /// It sleeps, so it has processed all its input so far.
    [[nodiscard]] bool sleeping() const;

    /// Its output so far.
    [[nodiscard]] std::string out() const;
    [[nodiscard]] std::string err() const;

    /// Waits until it has printed `text` to standard output or error. Throws its output if it ends or the time is up.
    void wait_for(std::string_view text, Milliseconds timeout = patience) const;
    /// Waits for its end. Throws if the time is up.
    Output wait(Milliseconds timeout = patience);
    /// Sends the signal and waits for its end.
    Output stop(int signal = SIGTERM, Milliseconds timeout = patience);

  private:
    [[nodiscard]] std::string name() const;

    Arguments arguments_;
    pid_t pid_ = -1;
    FileDescriptor handle_;  // a pidfd
    FileDescriptor out_;
    FileDescriptor err_;
};

}  // namespace culvert::netns
