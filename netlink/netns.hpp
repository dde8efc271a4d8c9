// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "netlink/result.hpp"

namespace culvert::netlink {

/// An open network namespace. It lives as long as this handle, even if its name is removed.
class NetworkNamespace {
  public:
    /// That of the calling thread.
    [[nodiscard]] static Result<NetworkNamespace> current();
    /// By the name that `ip netns` gave it, or by a path (anything with a slash): "blue", "/proc/1/ns/net".
    [[nodiscard]] static Result<NetworkNamespace> open(std::string_view name_or_path);
    /// A new namespace with a name, as `ip netns add` does; the calling thread stays where it is. EEXIST if the name is
    /// taken.
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
    /// Mounts stay as they are: /sys/class/net still shows the namespace in which /sys was mounted, and /sys/fs/bpf
    /// stays in sight.
    [[nodiscard]] Result<> enter() const;

    /// Calls `function()` with the calling thread in this namespace, and returns what it returned (a Result<T>).
    template <typename Function>
    [[nodiscard]] std::invoke_result_t<Function> run(Function&& function) const {
        TRY(const NetworkNamespace home, current());
        CHECK_OK(enter());
        const Return way_back{home};
        return std::forward<Function>(function)();
    }

    /// The kernel's number of this namespace, which no other one gets before the next boot (SO_NETNS_COOKIE).
    [[nodiscard]] Result<std::uint64_t> cookie() const;
    /// That of the calling thread's namespace, for which no privilege is needed.
    [[nodiscard]] static Result<std::uint64_t> current_cookie();

    [[nodiscard]] int fd() const { return fd_; }

  private:
    struct Return {
        const NetworkNamespace& home;
        ~Return();  // ends the process if there is no way back: going on in a foreign namespace would be worse
    };

    NetworkNamespace(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
    int fd_;
    std::string name_;  // for errors
};

}  // namespace culvert::netlink
