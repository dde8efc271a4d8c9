// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "netlink/result.hpp"

namespace culvert::netlink {

/// An open network namespace. It exists as long as this handle, even if its name is removed.
class NetworkNamespace {
  public:
    /// By its name in `ip netns`, or by a path (anything with a slash): "blue", "/proc/1/ns/net".
    [[nodiscard]] static Result<NetworkNamespace> open(std::string_view name_or_path);

    NetworkNamespace(NetworkNamespace&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), name_(std::move(other.name_)) {}
    NetworkNamespace& operator=(NetworkNamespace&& other) noexcept {
        std::swap(fd_, other.fd_);
        std::swap(name_, other.name_);
        return *this;
    }
    ~NetworkNamespace();

    /// Moves the calling thread here for good. Sockets opened afterwards and /proc/sys/net refer to this namespace.
    /// Mounts don't change: /sys/class/net still shows the namespace in which /sys was mounted, and /sys/fs/bpf stays
    /// visible.
    [[nodiscard]] Result<> enter() const;

    /// The kernel's number of the calling thread's namespace. No other namespace gets it before the next boot
    /// (SO_NETNS_COOKIE). Needs no privilege.
    [[nodiscard]] static Result<std::uint64_t> current_cookie();

  private:
    NetworkNamespace(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
    int fd_;
    std::string name_;  // for errors
};

}  // namespace culvert::netlink
