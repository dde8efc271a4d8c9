// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "netlink/result.hpp"

namespace culvert::realserver {

/// A lock (flock) that one process at a time holds, until this object is destroyed or the process ends.
class Lock {
  public:
    using OnWait = std::function<void(const std::string& holder)>;

    /// The right to change hosts and records. apply, teardown and each repair hold it while they observe, change and
    /// verify. Waits for up to `patience`, and reports the holder once: "process 4711 (realserver)". Then EBUSY, which
    /// names the holder, too.
    [[nodiscard]] static netlink::Result<Lock> to_change(
        const std::filesystem::path& directory, std::chrono::milliseconds patience,
        const OnWait& on_wait = [](const std::string&) {});

    /// The right to keep a host as configured. The monitor of a namespace holds it all the time. Creates `file` if
    /// necessary.
    [[nodiscard]] static netlink::Result<Lock> to_monitor(const std::filesystem::path& file);
    /// The holder; nothing if there is none.
    [[nodiscard]] static netlink::Result<std::optional<std::string>> monitor(const std::filesystem::path& file);

    Lock(Lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Lock& operator=(Lock&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Lock();

  private:
    explicit Lock(int fd) : fd_(fd) {}
    [[nodiscard]] static netlink::Result<Lock> open(const std::filesystem::path& path, int flags);

    int fd_;
};

}  // namespace culvert::realserver
