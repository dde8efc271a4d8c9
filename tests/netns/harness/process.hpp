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

/// The harness for tests that run the built programs between network namespaces. What goes wrong in it (not in what is
/// tested) is thrown as std::runtime_error, which fails the test with the text.
namespace culvert::netns {

using Milliseconds = std::chrono::milliseconds;

/// Long enough for anything, also on an emulated processor that has to share its own. It costs time only where a test
/// fails.
extern const Milliseconds patience;
/// In tests/vm, whose processor takes ten times as long for everything.
extern const bool is_emulated;

/// The path of a built program, "lbd" for example: of the build that this test is of, or of $CULVERT_BUILD. Hosts find
/// them by name, too.
[[nodiscard]] std::string program(std::string_view name);

/// How often the words stand in the text.
[[nodiscard]] int count(const std::string& text, std::string_view words);

/// Asks again and again, until the answer is yes or the time is up; the last answer.
[[nodiscard]] bool eventually(const std::function<bool()>& question, Milliseconds timeout = patience);

using Arguments = std::vector<std::string>;

/// Words between blanks; 'a b' and "a b" are one word. No other shell syntax: for a pipe, run sh -c '…'.
[[nodiscard]] Arguments split_words(std::string_view command);

/// How a program ended: its exit status, or 128 + the signal that ended it.
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

/// A running program. It is killed with its owner, and with the test process, however that ends.
class Process {
  public:
    /// Starts a program with `input` to read. `before_exec` runs in the child (no allocation there) and says whether it
    /// worked.
    Process(const Arguments& arguments, std::string_view input, const std::function<bool()>& before_exec);
    Process(Process&& other) noexcept;
    Process& operator=(Process&& other) noexcept;
    ~Process();

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] bool running() const;
    /// It waits for something: it has dealt with all that has reached it.
    [[nodiscard]] bool sleeping() const;

    /// What it has printed so far.
    [[nodiscard]] std::string out() const;
    [[nodiscard]] std::string err() const;

    /// Waits until it has printed `text`, to either. Throws with all it printed if it ends or the time is up.
    void wait_for(std::string_view text, Milliseconds timeout = patience) const;
    /// Waits for its end. Throws if the time is up.
    Output wait(Milliseconds timeout = patience);
    /// Asks it to end, and waits.
    Output stop(int signal = SIGTERM, Milliseconds timeout = patience);

  private:
    void kill_now() noexcept;

    std::string name_;
    pid_t pid_ = -1;
    FileDescriptor handle_;  // a pidfd
    FileDescriptor out_;
    FileDescriptor err_;
};

}  // namespace culvert::netns
