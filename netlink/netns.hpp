// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "netlink/result.hpp"

namespace culvert::netlink {

/// An open network namespace. It exists as long as this handle, even if its name is removed.
class NetworkNamespace {
  public:
    /// The calling thread's.
    [[nodiscard]] static Result<NetworkNamespace> current();
    /// By its name in `ip netns`, or by a path (anything with a slash): "blue", "/proc/1/ns/net".
    [[nodiscard]] static Result<NetworkNamespace> open(std::string_view name_or_path);
    /// Creates a namespace with a name, as `ip netns add` does. The calling thread doesn't enter it. EEXIST if the name
    /// is in use.
    [[nodiscard]] static Result<NetworkNamespace> create(std::string_view name);
    /// Removes the name, as `ip netns delete` does.
    [[nodiscard]] static Result<> remove(std::string_view name);

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

    /// Calls `function()` with the calling thread in this namespace, and returns its result (a Result<T>).
    template <typename Function>
    [[nodiscard]] std::invoke_result_t<Function> run(Function&& function) const {
        TRY(const NetworkNamespace home, current());
        CHECK_OK(enter());
        const Return way_back{home};
        return std::forward<Function>(function)();
    }

    /// The kernel's number of this namespace. No other namespace gets it before the next boot (SO_NETNS_COOKIE).
    [[nodiscard]] Result<std::uint64_t> cookie() const;
    /// The cookie of the calling thread's namespace. Needs no privilege.
    [[nodiscard]] static Result<std::uint64_t> current_cookie();

    [[nodiscard]] int fd() const { return fd_; }

  private:
    struct Return {
        const NetworkNamespace& home;
        ~Return();  // ends the process if it can't return: continuing in the wrong namespace would be worse
    };

    NetworkNamespace(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
    int fd_;
    std::string name_;  // for errors
};

}  // namespace culvert::netlink
