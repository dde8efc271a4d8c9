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

/// What one process at a time has (flock), until the end of this object's life or of the process.
class Lock {
  public:
    using OnWait = std::function<void(const std::string& holder)>;

    /// The right to change hosts and records: apply, teardown and each repair have it from looking to verifying. Waits
    /// for up to `patience`, and says once for whom: "process 4711 (realserver)"; then EBUSY, naming it as well.
    [[nodiscard]] static netlink::Result<Lock> to_change(
        const std::filesystem::path& directory, std::chrono::milliseconds patience,
        const OnWait& on_wait = [](const std::string&) {});

    /// The right to keep a host as a configuration says: the monitor of its namespace has it all the time. `file` is
    /// made if need be.
    [[nodiscard]] static netlink::Result<Lock> to_monitor(const std::filesystem::path& file);
    /// Who has it; nothing if nobody has.
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
